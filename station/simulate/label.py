"""Read a label as an operator does who is asked what it says."""

from collections.abc import Mapping

from station.engine.events import Question
from station.engine.labels.asking import NOT_SAID


def line_for(question: Question, label: Mapping[str, str]) -> str:
    """Return the line that answers a question, from what is printed on the device.

    `label` has what is printed by the name of the rating, and `model`; what it has not, the label
    does not say.
    """
    if "identify.model" in (question.about, question.asks.values.get("answer")):
        return label.get("model", NOT_SAID)
    return label.get(str(question.asks.values.get("rating", "")), NOT_SAID)
