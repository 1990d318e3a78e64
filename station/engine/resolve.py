"""Resolve a plan: equipment × profile × site × nameplate × the roles of a slot. Pure.

Each test gets the first method whose roles the slot has and whose references are known, each
measurement the limit that stands nearest: the site's before the profile's before its parent's, in
one file that of a test before that of a step. What is not tested, and what is not judged, says why.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from records import Basis, Limit, Phrase, Proof
from records.toml.tables import TableError, suggest
from station.engine import step as steps
from station.engine.curves import CURVES, ratings_of
from station.engine.labels.nameplate import Label, Unknown
from station.engine.library import Kind, Layer, Library, LibraryError, Origin
from station.engine.library.kinds import LimitAt, Place
from station.engine.resolved import NotTested, Plan, Reason, ResolvedTest
from station.engine.step import Step

OF_EVERY_SLOT = ("clock", "operator")
"""The roles that every slot has."""


class Spoken(NamedTuple):
    """The subject of a limit: a measurement of a test or of a step, which may share its name."""

    test: str
    step: str
    name: str


Said = dict[Spoken, list[LimitAt]]
Bounds = tuple[float | None, float | None]


def resolve(
    library: Library,
    equipment: str,
    profile: str,
    *,
    nameplate: Mapping[str, Any],
    roles: Mapping[str, type[object]],
    site: str = "",
) -> Plan:
    """Return the plan of a device with this nameplate, in a slot with these roles.

    Raises `LookupError` for an equipment, profile, site or rating that there is not, and
    `ValueError` for a value that no such device can have.
    """
    kind = library.kind(equipment)
    label = Label(kind.ratings, nameplate)
    resolver = _Resolver(kind, _layers(kind, profile, site), bool(site), label, roles)
    tests = tuple(test for place in kind.places for test in resolver.tests(place))
    rules = (layer.decision_rule for layer in resolver.layers if layer.decision_rule)
    return Plan(
        equipment=equipment,
        profile=profile,
        site=site,
        title=kind.title,
        profile_title=kind.profiles[profile].title,
        decision_rule=next(rules),
        nameplate=label.known(),
        units={name: rating.unit for name, rating in kind.ratings.items()},
        rating_titles=kind.rating_titles,
        products=frozenset(name for name, rating in kind.ratings.items() if rating.product),
        tests=tests,
    )


def _layers(kind: Kind, profile: str, site: str) -> list[Layer]:
    """Return the site, the profile and its parent: the nearest first."""
    if profile not in kind.profiles:
        raise LookupError(f"no profile {profile!r}; {suggest(profile, kind.profiles)}")
    if site and site not in kind.sites:
        raise LookupError(f"no site {site!r}; {suggest(site, kind.sites)}")
    own = kind.profiles[profile]
    parents = [kind.profiles[own.based_on]] if own.based_on else []
    return [*([kind.sites[site]] if site else []), own, *parents]


class _Method(NamedTuple):
    """A step that this bench can do on this device."""

    step: Step
    settings: dict[str, Any]
    origins: dict[str, Origin]


@dataclass
class _Judged:
    """The limits on the measurements of a test, and those that do not apply."""

    limits: dict[str, Limit] = field(default_factory=dict)
    not_judged: dict[str, NotTested] = field(default_factory=dict)
    waived: dict[str, str] = field(default_factory=dict)
    altered: list[str] = field(default_factory=list)
    origins: dict[str, Origin] = field(default_factory=dict)


@dataclass(frozen=True)
class _Resolver:
    kind: Kind
    layers: Sequence[Layer]
    has_site: bool
    label: Label
    roles: Mapping[str, type[object]]
    _said: list[Said] = field(default_factory=list)

    def __post_init__(self) -> None:
        for layer in self.layers:
            said: Said = {}
            for one in layer.limits:
                for name in one.limit.of:
                    key = Spoken(one.limit.test, one.limit.step, name)
                    said.setdefault(key, []).append(one)
            self._said.append(said)

    def tests(self, place: Place) -> Iterator[ResolvedTest]:
        """Yield the tests of a place: one, or one for each of the names that it is there for."""
        try:
            if why := self._fails_to_hold(place.when, ""):
                yield self._test(place, place.id, why)
            elif not place.entry.for_each:
                yield self._tested(place, place.id, "")
            else:
                rating = place.ratings + place.entry.for_each
                names = self.label.value(rating)
                assert isinstance(names, tuple)
                for name in names:
                    yield self._tested(place, f"{place.id}[{name}]", name)
                if not names:
                    why = NotTested(
                        Reason.NO_SUCH_PART,
                        f"{rating}: none",
                        Phrase("untested.none_there", {"ratings": rating}),
                    )
                    yield self._test(place, place.id, why)
        except Unknown as unknown:
            yield self._test(place, place.id, _not_known(unknown))

    def _test(
        self, place: Place, test: str, why: NotTested | None, method: _Method | None = None,
        judged: _Judged | None = None, better_with: tuple[str, ...] = (),
    ) -> ResolvedTest:  # fmt: skip
        origins = {}
        addressed: dict[str, Any] = {}
        for what in ("require", "depth", "clause"):
            if found := self._nearest(what, place.names, self.layers):
                addressed[what], origins[what] = found
        # A site asks for more proof than its profile, never for less, whatever it addresses.
        below = self.layers[1:] if self.has_site else ()
        asked = self._nearest("require", place.names, below)
        if asked and Proof(asked[0]).rank > Proof(addressed["require"]).rank:
            addressed["require"], origins["require"] = asked
        judged = judged or _Judged()
        if method:
            origins |= method.origins | judged.origins
        return ResolvedTest(
            id=test,
            title=place.title,
            clause=addressed.get("clause", ""),
            required=Proof(addressed.get("require", "")),
            depth=addressed.get("depth", "quick"),
            step=method.step if method else None,
            settings=method.settings if method else {},
            limits=judged.limits,
            stop_on_fail=place.entry.stop_on_fail,
            not_tested=why,
            not_judged=judged.not_judged,
            waived=judged.waived,
            better_with=better_with,
            altered=tuple(judged.altered),
            origins=origins,
        )

    def _tested(self, place: Place, test: str, each: str) -> ResolvedTest:
        whys: list[NotTested] = []
        for use in place.entry.use:
            step = steps.find(use)
            if lacking := self._lacking(step):
                whys.append(lacking)
                continue
            try:
                method = self._method(place, step, each)
            except Unknown as unknown:
                whys.append(_not_known(unknown))
                continue
            judged = self._judge(place, step)
            better = tuple(dict.fromkeys(value for why in whys for value in why.values))
            if judged.not_judged and not judged.limits and not judged.waived:
                return self._test(place, test, _together(judged.not_judged.values()))
            return self._test(place, test, None, method, judged, better)
        return self._test(place, test, _together(whys))

    def _lacking(self, step: Step) -> NotTested | None:
        """Return what the slot lacks for a step; None when it has everything."""
        for name, role in step.roles.items():
            if name in OF_EVERY_SLOT:
                continue
            if name not in self.roles:
                return NotTested(
                    Reason.NOT_POSSIBLE_HERE,
                    f"{step.name} needs {name}, which the slot has not",
                    Phrase("untested.lacks_role", {"roles": name}),
                )
            if not issubclass(self.roles[name], role.kind):
                return NotTested(
                    Reason.NOT_POSSIBLE_HERE,
                    f"{step.name} needs {role.kind.__name__} as {name}",
                    Phrase("untested.wrong_kind", {"roles": name}),
                )
        return None

    def _method(self, place: Place, step: Step, each: str) -> _Method:
        known = step.settings.__struct_fields__
        settings, origins = {}, {"use": place.origin}
        for name, raw in place.entry.settings.items():
            if name not in known:
                continue  # another method's
            key = f"settings.{name}"
            origins[key] = place.settings[name]
            if isinstance(raw, str) and raw.startswith("@"):
                origins[key] = place.settings[name]._replace(note=raw)
                raw = each if raw == "@each" else self.label.value(place.ratings + raw[1:])
            settings[name] = list(raw) if isinstance(raw, tuple) else raw
        try:
            complete = step.check(settings)
        except TableError as error:
            raise LibraryError(*error.after(place.origin)) from error
        for name in known:
            origins.setdefault(f"settings.{name}", Origin(f"default of {step.name}"))
        return _Method(step, complete, origins)

    def _judge(self, place: Place, step: Step) -> _Judged:
        """Find what judges each measurement that is spoken of, also one that the step lacks."""
        judged = _Judged()
        for name in self._spoken_of(place, step):
            found = self._find(place, step, name, self._said)
            if found is None:
                continue
            layer, limits = found
            if name not in step.units:
                why = f"{step.name} does not measure {name}"
                said = Phrase("untested.not_measured", {"measurements": name})
                judged.not_judged[name] = NotTested(Reason.NOT_POSSIBLE_HERE, why, said)
                continue
            one, limit = self._limit(place, step, name, limits)
            if one is not None:
                note = one.limit.source if isinstance(limit, Limit) else ""
                judged.origins[f"limits.{name}"] = one.origin._replace(note=note)
            if isinstance(limit, Limit):
                judged.limits[name] = limit
            elif isinstance(limit, NotTested):
                judged.not_judged[name] = limit
            else:
                judged.waived[name] = limit
            if self.has_site and layer == 0:
                before = self._find(place, step, name, self._said[1:])
                if before is None or self._limit(place, step, name, before[1])[1] != limit:
                    judged.altered.append(name)
        return judged

    def _spoken_of(self, place: Place, step: Step) -> list[str]:
        """Return the step's measurements, and those that a limit of this very test names."""
        others = [
            spoken.name
            for said in self._said
            for spoken in said
            if spoken.test in place.names and spoken.name not in step.units
        ]
        return [*step.units, *dict.fromkeys(others)]

    def _find(
        self, place: Place, step: Step, name: str,
        among: Sequence[Said],
    ) -> tuple[int, list[LimitAt]] | None:  # fmt: skip
        """Return the nearest limits of a measurement, of which at most one holds."""
        for layer, said in enumerate(among):
            tests = [Spoken(test, "", name) for test in place.names]
            for spoken in (*tests, Spoken("", step.name, name)):
                if limits := said.get(spoken):
                    return layer, limits
        return None

    def _limit(
        self, place: Place, step: Step, name: str, limits: Sequence[LimitAt]
    ) -> tuple[LimitAt | None, Limit | NotTested | str]:
        """Return the limit that holds, or why none does, or why it was waived."""
        whys: list[NotTested] = []
        for one in limits:
            try:
                when = [(key, _each(values)) for key, values in one.limit.when.items()]
                if why := self._fails_to_hold(when, place.ratings):
                    whys.append(why)
                    continue
                if one.limit.waived:
                    return one, one.limit.waived
                bounds = self._bounds(place, one)
            except Unknown as unknown:
                whys.append(_not_known(unknown))
                continue
            if isinstance(bounds, NotTested):
                return one, bounds
            source = self.kind.sources[one.limit.source]
            figures = {"min": bounds[0], "max": bounds[1], "equals": one.limit.equals}
            said: dict[str, Any] = {key: one for key, one in figures.items() if one is not None}
            if one.limit.uncertainty is not None:
                said["uncertainty"] = one.limit.uncertainty
            basis = Basis(source.basis)
            return one, Limit(basis=basis, source=source.text, unit=step.units[name], **said)
        return None, _together(whys)

    def _bounds(self, place: Place, one: LimitAt) -> Bounds | NotTested:
        limit = one.limit
        if limit.rows:
            at = self.label.number(place.ratings + limit.by)
            for row in limit.rows:
                if at <= row.to:
                    return row.min, row.max
            why = f"no figure is known for {limit.by} above {limit.rows[-1].to:g}"
            return NotTested(Reason.NO_SUCH_PART, why, _no_figure([place.ratings + limit.by]))
        if limit.curve:
            curve = CURVES[limit.curve.name]
            values = {name: self.label.number(place.ratings + name) for name in ratings_of(curve)}
            figure = curve(**values)
            if figure is None:
                said = ", ".join(f"{name} = {value:g}" for name, value in values.items())
                why = f"{limit.curve.name} has no figure for {said}"
                names = [place.ratings + name for name in values]
                return NotTested(Reason.NO_SUCH_PART, why, _no_figure(names))
            figure = round(figure + limit.curve.add, 6)
            return (figure, None) if limit.curve.min else (None, figure)
        return limit.min, limit.max

    def _fails_to_hold(
        self, when: Iterable[tuple[str, Sequence[str]]], prefix: str
    ) -> NotTested | None:
        """Return why a choice makes this none of the device's; None when all hold."""
        for rating, values in when:
            told = self.label.value(prefix + rating)
            if told not in values:
                name = prefix + rating
                said = Phrase("untested.choice", {"ratings": name, "told": str(told)})
                return NotTested(Reason.NO_SUCH_PART, f"{name} is {told}", said)
        return None

    @staticmethod
    def _nearest(
        what: str, names: Sequence[str], layers: Sequence[Layer]
    ) -> tuple[Any, Origin] | None:
        for layer in layers:
            said: Mapping[str, tuple[Any, Origin]] = getattr(layer, what)
            for name in names:
                if name in said:
                    return said[name]
        return None


def _each(values: Sequence[str] | str) -> Sequence[str]:
    return (values,) if isinstance(values, str) else values


def _not_known(unknown: Unknown) -> NotTested:
    verb = "is" if len(unknown.names) == 1 else "are"
    why = f"{' and '.join(unknown.names)} {verb} not known"
    said = Phrase("untested.value_unknown", {"ratings": ", ".join(unknown.names)})
    return NotTested(Reason.VALUE_UNKNOWN, why, said, unknown.names)


def _no_figure(ratings: Sequence[str]) -> Phrase:
    return Phrase("untested.no_figure", {"ratings": ", ".join(ratings)})


def _together(whys: Iterable[NotTested]) -> NotTested:
    """Return one reason for several: a value to be told goes first, then what a bench lacks."""
    found = list(dict.fromkeys(whys))
    for reason in (Reason.VALUE_UNKNOWN, Reason.NOT_POSSIBLE_HERE, Reason.NO_SUCH_PART):
        if these := [why for why in found if why.reason is reason]:
            values = dict.fromkeys(value for why in these for value in why.values)
            told = "; ".join(why.why for why in these)
            return NotTested(reason, told, _said_together(these), tuple(values))
    raise AssertionError("there is no reason without a method")


def _said_together(whys: Sequence[NotTested]) -> Phrase:
    """Return the first sentence, with the names of all others that say the same of other things."""
    first = whys[0].said
    alike = [why.said for why in whys if why.said.id == first.id]
    return Phrase(
        first.id,
        {
            name: ", ".join(dict.fromkeys(str(one.values[name]) for one in alike))
            for name in first.values
        },
    )
