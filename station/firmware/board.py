"""A fixture board: sessions, commands, and outputs that go off when the station falls silent.

The protocol is specified in docs/reference/fixture-protocol.md. A fixture is what is special about
a kind of board; it has

    KIND        its name, such as "fingers"
    commands    by word: (method, fewest arguments, most arguments, needs to be armed)
    off(why)    switches all outputs off, at once and in any state
    poll(now)   is called in each turn of the main loop

and its methods return the fields of an answer, or raise `No` with a word.
"""

from line import CLOCK_MASK, Framer, framed, since

PROTOCOL = 1
VERSION = "1.0.0"
SILENCE_US = 500_000


class No(Exception):
    """A command was understood and is refused; its argument is the word that says why."""


class Board:
    """The part that all boards have in common, on hardware with the methods of `hwsim.Linux`."""

    def __init__(self, hw, fixture):
        self.hw = hw
        self.fixture = fixture
        self.framer = Framer()
        self.armed = False
        self.fell = "start"
        self.turns = 0
        self._received = bytearray(64)
        self._talking = False
        self._heard_us = 0
        self._session = False
        self._last = -1
        self._last_text = ""
        self._last_answer = b""
        self._commands = {
            "ping": (self._ping, 0, 0, False),
            "arm": (self._arm, 0, 0, False),
            "safe": (self._safe, 0, 0, False),
            "status": (self._status, 0, 0, False),
            "cal": (self._cal, 1, 2, False),
            "update": (self._update, 0, 0, False),
        }
        self._commands.update(fixture.commands)
        fixture.off("start")

    def turn(self):
        """Do one turn of the main loop, which alone feeds the watchdog."""
        hw = self.hw
        held = self._received
        for at in range(hw.read_into(held)):
            text = self.framer.add(held[at])
            if text is not None:
                self._obey(text)
        now_us = hw.ticks_us()
        if self._talking and since(self._heard_us, now_us) >= SILENCE_US:
            self.let_go("silence")
        elif not hw.connected() and (self._talking or self.armed):
            self._session = False
            self.let_go("usb")
        self.fixture.poll(now_us)
        self.turns += 1
        hw.feed()

    def let_go(self, why):
        """Switch all outputs off and disarm."""
        self.fixture.off(why)
        self.armed = False
        self._talking = False
        self.fell = why

    def _obey(self, text):
        """Answer a line whose CRC is right."""
        words = text.split(" ")
        if len(words) < 2 or not words[0].isdigit() or len(words[0]) > 5:
            self.framer.damaged += 1
            return
        number = int(words[0])
        if words[1] == "hello":
            self._session = True
            self._last = -1
        elif not self._session:
            self._heard(words[0])
            self._answer(number, "no session")
            return
        elif number == self._last:
            self._heard(words[0])
            if text == self._last_text:
                self.hw.write(self._last_answer)
            else:
                self._answer(number, "no repeated")
            return
        elif self._last >= 0 and number != (self._last + 1) & 0xFFFF:
            self._heard(words[0])
            self._answer(number, "no sequence")
            return
        self._heard(words[0])
        answer = self._answer(number, self._done(words[1], words[2:]))
        self._last, self._last_text, self._last_answer = number, text, answer

    def _heard(self, number):
        self._heard_us = self.hw.ticks_us()
        self._talking = True

    def _answer(self, number, fields):
        answer = framed("%d %s" % (number, fields))
        self.hw.write(answer)
        return answer

    def _done(self, word, arguments):
        """Do a command, and return the fields of its answer."""
        if word == "hello":
            return self._hello(arguments)
        if word not in self._commands:
            return "no unknown"
        method, fewest, most, needs_arm = self._commands[word]
        if not fewest <= len(arguments) <= most:
            return "no argument"
        if needs_arm and not self.armed:
            return "no disarmed %s" % self.fell
        try:
            fields = method(*arguments)
        except No as no:
            return "no %s" % no.args[0]
        except ValueError:
            return "no argument"
        return "ok %s" % fields if fields else "ok"

    def _hello(self, arguments):
        self.let_go("hello")
        self._talking = True
        if arguments != [str(PROTOCOL)]:
            self._session = False
            return "no version %d" % PROTOCOL
        hw = self.hw
        return "ok v=%d kind=%s id=%s fw=%s hash=%s why=%s t=%d" % (
            PROTOCOL, self.fixture.KIND, hw.board_id, VERSION, hw.firmware_hash, hw.why,
            hw.ticks_us() & CLOCK_MASK,
        )  # fmt: skip

    def _ping(self):
        return str(self.hw.ticks_us() & CLOCK_MASK)

    def _arm(self):
        self.armed = True
        return ""

    def _safe(self):
        self.let_go("asked")
        self._talking = True
        return ""

    def _status(self):
        return "armed=%d fell=%s damaged=%d turns=%d free=%d" % (
            self.armed, self.fell, self.framer.damaged & 0xFFFF, self.turns & CLOCK_MASK,
            self.hw.free_bytes(),
        )  # fmt: skip

    def _cal(self, key, value=None):
        """Read a figure of the board's calibration, or keep a new one."""
        if not key.isalpha() or len(key) > 16:
            raise No("argument")
        if value is not None:
            if self.armed:
                raise No("armed")
            self.hw.calibration[key] = float(value)
            self.hw.keep_calibration()
        if key not in self.hw.calibration:
            raise No("unset")
        return "%g" % self.hw.calibration[key]

    def _update(self):
        """Restart without firmware once the answer has gone, so that other firmware can come."""
        if self.armed:
            raise No("armed")
        self.let_go("update")
        self.hw.restart_for_update()
        return ""
