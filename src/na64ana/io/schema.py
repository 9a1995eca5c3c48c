"""The coffea schema of the event format."""

from typing import Any

from coffea.nanoevents import BaseSchema

from na64ana.io.format import BRANCHES, TRUTH_BRANCHES

#: What a processor gets; coffea publishes no types.
Events = Any


class NA64Schema(BaseSchema):  # type: ignore[misc]  # coffea publishes no types
    """Events in the internal naming, each field with its meaning and unit.

    Only the branches of the format become fields, so an analysis cannot come to depend on what
    some files happen to carry besides. Shapes are ``(n,)`` and ``(n, length)``.
    """

    def __init__(self, base_form: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(base_form, *args, **kwargs)
        contents = dict(zip(self._form["fields"], self._form["contents"], strict=True))
        known = [branch for branch in BRANCHES + TRUTH_BRANCHES if branch.name in contents]
        for branch in known:
            unit = f" [{branch.unit}]" if branch.unit else ""
            parameters = contents[branch.name].setdefault("parameters", None) or {}
            doc = {"__doc__": branch.meaning + unit}
            contents[branch.name]["parameters"] = {**parameters, **doc}
        self._form["fields"] = [branch.name for branch in known]
        self._form["contents"] = [contents[branch.name] for branch in known]
