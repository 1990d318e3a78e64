"""Says what can go wrong with a connection to a broker."""


class MqttError(Exception):
    """The connection failed, the broker refused, or what it sent is not MQTT."""


class UnsupportedVersion(MqttError):
    """The broker does not speak this version of MQTT."""


class Silent(MqttError):
    """The broker did not answer in time; some do not answer a version that they do not speak."""
