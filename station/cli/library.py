"""The library on the command line: what can be tested, and how a plan comes about."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.cli.arguments import complain

if TYPE_CHECKING:
    from records import Proof
    from station.engine.library import Kind, Library, Origin
    from station.engine.resolved import NotTested, Plan, ResolvedTest
    from station.engine.step import Step


def read(folders: Sequence[Path]) -> "Library":
    """Read the shipped library and what stands in `folders`. Raises `LibraryError`."""
    from station.engine import library

    for folder in folders:
        if not folder.is_dir():
            raise library.LibraryError(f"{folder}: not a folder")
    others = [one for one in dict.fromkeys(folders) if one.resolve() != library.SHIPPED]
    return library.read((library.SHIPPED, *others))


def strays(path: Path) -> list[str]:
    """Return why a file belongs to no library; none where it stands in a folder of one."""
    from records.toml.lines import read as read_lines
    from records.toml.tables import MistakesInFile
    from station.engine.library.files import OLD_PLAN, SORTS, is_old_plan

    try:
        document = read_lines(path, str(path))
    except MistakesInFile as error:
        return list(error.mistakes)
    if is_old_plan(document):
        return [document.says(OLD_PLAN)]
    if path.absolute().parent.name not in SORTS:
        return [f"{path}: a file of a library stands in a folder {', '.join(SORTS)}"]
    return []


def add_explain(verb: argparse.ArgumentParser) -> None:
    """Add what `pace plan explain` needs to know."""
    verb.add_argument("equipment", help="a kind; `pace plan list` shows them")
    verb.add_argument("--profile", default="pace-key", help="default: %(default)s")
    verb.add_argument("--site", default="", help="an overlay of a site")
    verb.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="what the label says, such as output_v=19.5",
    )  # fmt: skip
    verb.add_argument(
        "--roles", metavar="ROLE,…", help="what the bench has; default: everything that is needed"
    )
    verb.add_argument("--json", action="store_true", help="everything, as one JSON object")


def explain(chosen: argparse.Namespace) -> int:
    """Print a plan with the origin of each value."""
    from station.engine.library import LibraryError
    from station.engine.resolve import resolve

    try:
        library = read(chosen.folder)
        kind = library.kind(chosen.equipment)
        plan = resolve(
            library,
            chosen.equipment,
            chosen.profile,
            nameplate=nameplate_of(kind, chosen.set),
            roles=_roles(kind, chosen.roles),
            site=chosen.site,
        )
    except LibraryError as error:
        return complain(str(error))
    except (LookupError, ValueError) as error:
        return complain(str(error.args[0]))
    if chosen.json:
        import msgspec

        print(msgspec.json.encode(_as_data(plan)).decode())
    else:
        print("\n".join(lines(plan, kind)))
    return 0


def nameplate_of(kind: "Kind", said: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE by the sort of the rating. Raises `LookupError` and `ValueError`."""
    found: dict[str, Any] = {}
    for one in said:
        name, equals, text = one.partition("=")
        if not equals:
            raise ValueError(f"--set {one}: write NAME=VALUE")
        if name in found:
            raise ValueError(f"--set {one}: {name} is said twice")
        rating = kind.ratings.get(name)
        if rating is not None and rating.names:
            found[name] = [part for part in text.split(",") if part]
        elif rating is not None and rating.is_number:
            from station.engine.labels.nameplate import Typed

            try:
                found[name] = Typed.of(text).value
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        else:
            found[name] = text
    return found


def _roles(kind: "Kind", names: str | None) -> dict[str, type[object]]:
    """Return what plays the roles of a bench that is only thought of. Raises `LookupError`."""
    from records.toml.tables import suggest
    from station.engine import step as steps
    from station.engine.resolve import OF_EVERY_SLOT

    needed = {
        name: role.kind
        for place in kind.places
        for use in place.entry.use
        for name, role in steps.find(use).roles.items()
        if name not in OF_EVERY_SLOT
    }
    if names is None:
        return needed
    wanted = [name for name in names.split(",") if name]
    for name in wanted:
        if name not in needed:
            raise LookupError(
                f"no test of {kind.id} needs a role {name!r}; {suggest(name, needed)}"
            )
    return {name: needed[name] for name in wanted}


def lines(plan: "Plan", kind: "Kind") -> Iterator[str]:
    """Yield what a person reads of a plan."""
    site = f", site {plan.site}" if plan.site else ""
    yield f"{plan.title_in()} by {plan.profile}{site}: {plan.guideline}"
    yield f"  decision rule {plan.decision_rule}, sha256 {plan.sha256}"
    for name, value in plan.nameplate.items():
        shown = f"{value:g}" if isinstance(value, float) else _listed(value)
        yield f"  {name} = {shown} {plan.units[name]}".rstrip()
    for number, test in enumerate(plan.tests, start=1):
        clause = f", clause {test.clause}" if test.clause else ""
        yield ""
        yield f"{number}. {test.id}: {test.title_in()}{clause}{_required(test)}"
        yield from (f"   {line}" for line in _test(test))
    yield ""
    if plan.incomplete:
        yield from (f"INCOMPLETE: {why}" for why in plan.incomplete)
    else:
        yield "Can end as PASS: everything that is required can be proved."
    for name in plan.asks:
        choice = kind.ratings[name].choice
        yield f"Would help: {name}{f', one of {_listed(choice)}' if choice else ''}"


def _required(test: "ResolvedTest") -> str:
    if not test.required.rank:
        return ""
    return f"; {test.required.value} is required{_at(test.origins.get('require'))}"


def _test(test: "ResolvedTest") -> Iterator[str]:
    if test.not_tested is not None:
        yield f"not tested, {_why(test.not_tested)}"
        return
    yield f"{test.use} proves {_proof(test.proves)}{_at(test.origins['use'])}"
    for name, value in test.settings.items():
        yield f"{name} = {_shown(value)}{_at(test.origins[f'settings.{name}'])}"
    for name, limit in test.limits.items():
        needs = f", needs U ≤ {limit.uncertainty:g}" if limit.uncertainty else ""
        yield f"{name} {limit}{needs}{_at(test.origins[f'limits.{name}'])}"
        yield f"  {limit.basis.value}: {limit.source}"
    for name, reason in test.waived.items():
        yield f"{name} is not judged: {reason}{_at(test.origins[f'limits.{name}'])}"
    for name, why in test.not_judged.items():
        yield f"{name} is not judged, {_why(why)}"
    for name in test.better_with:
        yield f"a better method needs {name}"
    if test.stop_on_fail:
        yield "stops the run when it fails"


def _why(why: "NotTested") -> str:
    return f"{why.reason.value.replace('_', ' ')}: {why.why}"


def _proof(proof: "Proof") -> str:
    return proof.value or "nothing, for no limit judges it"


def _at(origin: "Origin | None") -> str:
    if origin is None:
        return ""
    note = f", {origin.note}" if origin.note else ""
    return f"   [{origin}{note}]"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return _listed(value) if isinstance(value, list | tuple) else str(value)


def _listed(values: object) -> str:
    return ", ".join(map(str, values)) if isinstance(values, list | tuple) else str(values)


def _as_data(plan: "Plan") -> dict[str, Any]:
    def why(reason: "NotTested | None") -> dict[str, Any] | None:
        return reason._asdict() if reason else None

    def origins(test: "ResolvedTest") -> Mapping[str, Any]:
        return {name: origin._asdict() for name, origin in test.origins.items()}

    return {
        "equipment": plan.equipment,
        "profile": plan.profile,
        "site": plan.site,
        "title": plan.title_in(),
        "guideline": plan.guideline,
        "decision_rule": plan.decision_rule,
        "sha256": plan.sha256,
        "nameplate": dict(plan.nameplate),
        "incomplete": plan.incomplete,
        "asks": plan.asks,
        "tests": [
            {
                "test": test.id,
                "step": test.use,
                "title": dict(test.title),
                "clause": test.clause,
                "required": test.required,
                "proves": test.proves,
                "depth": test.depth,
                "settings": dict(test.settings),
                "limits": dict(test.limits),
                "not_tested": why(test.not_tested),
                "not_judged": {name: why(one) for name, one in test.not_judged.items()},
                "waived": dict(test.waived),
                "altered": test.altered,
                "stop_on_fail": test.stop_on_fail,
                "origins": origins(test),
            }
            for test in plan.tests
        ],
    }


def kinds_as_data(library: "Library") -> dict[str, Any]:
    """Return what there is to choose from: equipment, profiles and sites."""
    kinds = [kind for kind in library.kinds.values() if not kind.is_part]
    first = kinds[0]
    return {
        "equipment": [
            {
                "id": kind.id,
                "title": dict(kind.title),
                "tests": len(kind.places),
                "asks": [name for name, one in kind.ratings.items() if not one.product],
            }
            for kind in kinds
        ],
        "profiles": [{"id": one.id, "title": one.title} for one in first.profiles.values()],
        "sites": [{"id": one.id, "title": one.title} for one in first.sites.values()],
    }


def kind_as_data(kind: "Kind") -> dict[str, Any]:
    """Return what there is to test on a kind: its ratings and tests with their methods."""
    import msgspec

    from station.engine import step as steps

    return {
        "id": kind.id,
        "title": dict(kind.title),
        "nameplate": {name: msgspec.to_builtins(one) for name, one in kind.ratings.items()},
        "tests": [
            {
                "test": place.id,
                "title": dict(place.title),
                "for_each": place.entry.for_each,
                "stop_on_fail": place.entry.stop_on_fail,
                "methods": [_method(steps.find(use)) for use in place.entry.use],
            }
            for place in kind.places
        ],
    }


def _method(step: "Step") -> dict[str, Any]:
    return {
        "step": step.name,
        "proves": step.proves.value,
        "roles": {name: role.kind.__name__ for name, role in step.roles.items()},
        "measures": dict(step.units),
    }


def show(kind: "Kind") -> Iterator[str]:
    """Yield what there is to test on a kind, and how."""
    from station.engine import step as steps
    from station.engine.resolve import OF_EVERY_SLOT

    yield f"{kind.id}: {kind.title['en']}"
    for name, rating in kind.ratings.items():
        yield f"  {name}: {_rating(rating)}"
    for number, place in enumerate(kind.places, start=1):
        each = (
            f", for each of {place.ratings}{place.entry.for_each}" if place.entry.for_each else ""
        )
        yield f"\n{number}. {place.id}: {place.title['en']}{each}   [{place.origin}]"
        for use in place.entry.use:
            step = steps.find(use)
            roles = ", ".join(name for name in step.roles if name not in OF_EVERY_SLOT)
            by = " and the operator" if "operator" in step.roles else ""
            yield f"   {use} proves {step.proves.value}; needs {roles}{by}"
            yield f"     measures {', '.join(f'{n} {u}'.strip() for n, u in step.units.items())}"
        if place.entry.stop_on_fail:
            yield "   stops the run when it fails"


def _rating(rating: Any) -> str:
    if rating.choice:
        return f"one of {_listed(rating.choice)}"
    if rating.names:
        return "names of places"
    if rating.product:
        return f"{' × '.join(rating.product)}, in {rating.unit}"
    return f"{rating.min:g} to {rating.max:g} {rating.unit}"
