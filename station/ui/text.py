"""Everything the operator reads, in one place, so that it can be translated.

Braces are filled with `str.format`. What comes from devices, plans and instruments is not here.
"""

from records import Verdict

# The words that are read across a room; only A to Z are drawn large.
READY = "READY"
MARGINAL = "MARGINAL"
DANGER = "DANGER"
UNSAVED = "UNSAVED"
VERDICTS = {
    Verdict.PASS: "PASS",
    Verdict.FAIL: "FAIL",
    Verdict.ERROR: "ERROR",
    Verdict.ABORTED: "ABORTED",
    Verdict.INCOMPLETE: "PARTIAL",
}

# Header
SIMULATED = "SIMULATED"
CONNECTED = "connected"
NOT_CONNECTED = "not connected"
NOT_CONNECTED_SHORT = "offline"
COUNTS = "delivered {delivered} · waiting {waiting} · rejected {rejected}"
COUNTS_SHORT = "sent {delivered} · wait {waiting} · rej {rejected}"

# The line below the header
KEPT_HERE = "Not connected: results are kept here and delivered later. Go on testing."
AUTOPILOT = "Demonstration: simulated devices run by themselves. Ctrl+T: operate yourself."
TAKEN_OVER = "You operate now: type any asset tag and press Enter."
UNSAFE_BANNER = "{slots}: DEVICE MAY STILL BE POWERED. Switch off at the mains first."

# A slot
STEP = "Step {number} of {total}"
OUTSIDE = "{count} outside limits"
STARTING = "starting"
STOPPING = "stopping …"
MAKING_SAFE = "making safe"
WAITING_FOR = "WAITING FOR {instrument}"
HELD_BY = "held by {slot}"
SELECT_TO_ANSWER = "{key}, then answer"
SCAN_HERE = "Scan or type a tag to start"
SELECT_TO_SCAN = "{key} selects this slot"
PLUGGED = "Plugged in: {name}"
SERIAL_NUMBER = "serial number {number}"
SCAN_ITS_LABEL = "Scan its label to start"
SELECT_FOR_IT = "{key}, then scan its label"
NOT_BY_ITSELF = "Not started: {reason}"
PULLED = "Unplugged: nothing is at its port."
BENCH_FAULT = "Bench at fault, not the device."
STILL_POWERED = "DEVICE MAY STILL BE POWERED"
SWITCH_OFF = "Switch off at the mains before touching it."
NOT_SAVED = "RESULT NOT SAVED. It is kept in memory and tried again: do not switch off."
ABORTED_NOTE = "Stopped before the end: says nothing about the device."
INCOMPLETE_NOTE = "Incomplete: nothing failed, and it is no pass. Not proved:"
MARGINAL_NOTE = "Passed near a limit:"
PLAN = "Plan: {plan}"
PLAN_OF = "Plan {number} of {total}: {plan}"
KEYS_LEFT = "{seen} of {total} keys seen"
KEYS_SEEN = "{seen} keys seen"
KEYS_MISSING = "missing: {names}"
KEYS_BAD = "suspicious: {names}"
YES = "yes"
NO = "no"

# The list of steps
NOT_RUN = "not run"
RUNNING = "running"
NO_STEPS = "Nothing has been tested here yet."
STEP_VERDICTS = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "FAIL",
    Verdict.ERROR: "ERROR",
    Verdict.ABORTED: "aborted",
    Verdict.SKIPPED: "skipped",
    Verdict.NOT_TESTED: "not tested",
}

# Tabs, while one slot is enlarged
TAB_IDLE = "ready"
TAB_PLUGGED = "plugged in"
TAB_ASKS = "ASKS"
TAB_WAITS = "waits"

# The bottom of the screen
QUESTION_FROM = "{slot} asks:"
OTHERS_ASK = "Also asking: {slots} (Tab)"
OTHERS_ASK_FIRST = "Asking: {slots} (Tab)"
PROMPT = "{slot} > "
IDLE_HINT = "Scan a device for {slot}, or type its tag and press Enter."
BUSY_HINT = "{slot} is testing."
PAGE = "Records: {page}"
CLEAR_TO_ANSWER = "Press Esc to clear the line, then answer."
TOO_QUICK = "Too quick: the question had only just appeared. Read it, then answer."
QUIT_RUNNING = "Still testing: {slots}. Ctrl+Q once more stops them and quits; Esc stays."
QUITTING = "Stopping, and making safe: {slots}. Then the screen closes; Ctrl+Q closes it now."
QUIT_HOW = "Ctrl+Q quits."

# Refusals
BUSY_SOME_FREE = "{tag} not started: {slot} is busy. Free: {free}."
BUSY_NONE_FREE = "{tag} not started: every slot is busy."
UNKNOWN_SLOT = "There is no slot {name!r}. Slots: {slots}."
NOTHING_RUNS = "Nothing runs in {slot}."
PLAN_WHEN_FREE = "The plan can be changed when {slot} is free."
NEXT_PLAN = "Plan for the next device: {plan}"
ONE_PLAN = "{slot} has only one plan."
NO_TAKE_OVER = "There is no demonstration to take over."
UNEXPECTED = "That did not work: {error}"

NO_SERIAL = "Nothing at {slot} states a serial number that could be its tag."

# Footer: key, meaning
KEY_SERIAL = "serial number"
KEY_SLOT = "slot"
KEY_NEXT = "next"
KEY_ENLARGE = "enlarge"
KEY_BACK = "back"
KEY_SCROLL = "scroll"
KEY_PLAN = "plan"
KEY_STOP = "STOP"
KEY_TAKE_OVER = "take over"
KEY_QUIT = "quit"

SPACE = "Space"
