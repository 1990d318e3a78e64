"""Names the numbers of MQTT: packet types, and the reasons that a broker gives for a refusal."""

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4  # types of packets: MQTT 5.0, table 2-1
SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 12, 13, 14

REFUSED = 0x80
"""A reason code from here on is a refusal (MQTT 5.0, 2.4); in 3.1.1 it is SUBACK's only one."""

UNSUPPORTED_VERSION = {3: 0x01, 5: 0x84}
"""The code in CONNACK when the broker does not speak the version that was asked for."""

_REFUSALS_3 = {  # MQTT 3.1.1, table 3.1: in CONNACK
    1: "unacceptable protocol version",
    2: "client identifier rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
}
_REASONS_5 = {  # MQTT 5.0, 2.4: those that a host may meet
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "implementation specific error",
    0x84: "unsupported protocol version",
    0x85: "client identifier not valid",
    0x86: "bad user name or password",
    0x87: "not authorized",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8D: "keep alive timeout",
    0x8E: "session taken over: another client uses the same client_id",
    0x8F: "topic filter invalid",
    0x90: "topic name invalid",
    0x93: "receive maximum exceeded",
    0x95: "packet too large",
    0x97: "quota exceeded",
    0x98: "administrative action",
    0x9A: "retain not supported",
    0x9B: "QoS not supported",
    0x9E: "shared subscriptions not supported",
}


def refusal_in_words(code: int, version: int) -> str:
    """Return what the return code of a CONNACK means."""
    if version == 3:
        return _REFUSALS_3.get(code, f"return code {code:#04x}")
    return reason_in_words(code)


def reason_in_words(code: int) -> str:
    """Return what a reason code of MQTT 5 means; 0x80 is "unspecified error" in 3.1.1, too."""
    return _REASONS_5.get(code, f"reason code {code:#04x}")
