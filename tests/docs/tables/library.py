"""The reference of equipment and profile files, from the tables that read them."""

import msgspec

from station.engine.curves import CURVES, ratings_of
from station.engine.library import tables
from tests.docs.toml_types import default_in_words, table, type_in_words

MEANINGS: dict[str, tuple[type[msgspec.Struct], dict[str, str]]] = {
    "equipment": (
        tables.Equipment,
        {
            "id": "the file's name without `.toml`",
            "is_part": "it is only ever a part of something: no slot tests it by itself",
            "nameplate": "`[nameplate]`, one line for each rating that the label states",
            "test": "`[[test]]`, one for each test or part, in order",
            "words": "`[words.en]` and other languages: `title`, and one for each test and rating",
        },
    ),
    "test": (
        tables.Entry,
        {
            "id": "what records call it, for ever; a part's is a prefix, and may be empty",
            "use": "its methods, the best first: `module.name` of a [step](plans.md#steps)",
            "part": "instead of `use`: the equipment whose tests stand here",
            "settings": "for every method that has a setting of that name; `@NAME` is a rating",
            "for_each": "a rating of `names`: one test for each, in which `@each` is the name",
            "when": "choices of the label with which there is such a part",
            "stop_on_fail": "whether the run ends here unless this test passes or is skipped",
        },
    ),
    "rating": (
        tables.Rating,
        {
            "unit": "of a number",
            "min": "the least that a number can be",
            "max": "the most that a number can be",
            "choice": "the words that a label can have there",
            "names": "a list of names of places, such as those of ports",
            "product": "ratings that it is the product of: it is never asked for",
        },
    ),
    "profile": (
        tables.Profile,
        {
            "id": "the file's name without `.toml`",
            "title": "for people; goes into every record",
            "based_on": "a parent, whose words hold where this file has none",
            "decision_rule": "how a limit is applied to an uncertain value; every profile without a"
            " parent has one",
            "require": "`[require.EQUIPMENT]`: the proof without which a run is INCOMPLETE",
            "depth": "`[depth.EQUIPMENT]`: how thorough a test is",
            "clause": "`[clause.EQUIPMENT]`: where your text asks for it; goes into every record",
            "limit": "`[[limit]]`, one for each figure",
        },
    ),
    "limit": (
        tables.Limit,
        {
            "of": "the measurements that it judges",
            "source": "the key of a table in `sources.toml`",
            "step": "it holds wherever this step is used",
            "test": "instead of `step`: it holds for this test, as in `laptop-adapter.hot`",
            "min": "the least that passes",
            "max": "the most that passes",
            "equals": "instead of bounds: the one value that passes",
            "uncertainty": "what it needs: with a larger U (k = 2), or an unknown one, it is not"
            " decided; nothing needs none",
            "by": "the rating by which `rows` are chosen",
            "rows": "`{ to = …, max = … }`: bounds up to and with `to`; beyond the last, none",
            "curve": '`{ min = "NAME", add = … }`: a curve\'s figure, and `add` to it',
            "when": "choices of the label with which it holds; others may stand beside it",
            "waived": "instead of figures: why nobody judges this",
            "safety": "a site may tighten it, and never loosen it",
        },
    ),
    "source": (
        tables.Source,
        {"text": "the document and what it says", "basis": "where the figure comes from"},
    ),
}


def keys(which: str) -> str:
    kind, meanings = MEANINGS[which]
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    assert fields.keys() == meanings.keys(), which
    return table(
        ("key", "type", "default", "meaning"),
        (
            (f"`{name}`", type_in_words(fields[name].type), default_in_words(fields[name]), said)
            for name, said in meanings.items()
        ),
    )


def curves() -> str:
    rows = []
    for name, curve in CURVES.items():
        paragraphs = (curve.__doc__ or "").split("\n\n")
        said = [" ".join(one.split()) for one in paragraphs]
        needs = ", ".join(f"`{one}`" for one in ratings_of(curve))
        rows.append((f"`{name}`", needs, " ".join(said).removeprefix("Return ")))
    return table(("curve", "needs", "figure"), rows)
