"""The operator's screen in a terminal. The only place that may import Textual."""
