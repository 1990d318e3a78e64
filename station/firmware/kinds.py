"""The kinds of fixture boards. A board's memory has the module of its own kind alone."""


def fixture_of(kind, hardware, settings):
    """Return the hardware and the fixture of a kind; `hardware` is the module of this machine."""
    if kind == "fingers":
        from fingers import Fingers

        hw = hardware.FingersHw(settings)
        return hw, Fingers(hw)
    if kind == "ps2":
        from ps2 import Ps2

        hw = hardware.Ps2Hw(settings)
        return hw, Ps2(hw)
    if kind == "light":
        from light import Light

        hw = hardware.LightHw(settings)
        return hw, Light(hw)
    if kind == "atx":
        from atx import Atx

        hw = hardware.AtxHw(settings)
        return hw, Atx(hw)
    raise ValueError(kind)
