"""Whether a run that a trigger asks for could come to anything, before it is started."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from maintainer.daemon.collect import collect
from maintainer.daemon.context import Context
from maintainer.domain.evidence import Outlook
from maintainer.domain.model import Manifest
from maintainer.domain.policy import Policy
from maintainer.errors import RefusedError
from maintainer.store.windows import Reader


def outlook_request(policy: Policy, collected: Path, champion: Path | None) -> dict[str, Any]:
    """Return what the check worker is asked: with what lies there, could a challenger pass the gates?"""
    return {
        "policy": policy.model_dump(mode="json", by_alias=True),
        "collect": str(collected),
        "champion": None if champion is None else str(champion),
    }


def outlook(context: Context, policy: Policy, champion: Manifest, reader: Reader) -> Outlook | None:
    """Return why no challenger could pass the gates now; None where one may.

    None as well where nothing can be collected: the run that starts then fails with the reason.
    """
    version = context.model_dir(policy.model).absolute() / "versions" / champion.version
    with TemporaryDirectory(dir=context.scratch()) as folder:
        collected = Path(folder).absolute() / "collect"
        try:
            collect(reader, policy, champion, collected)
        except RefusedError:
            return None
        found = context.warm.ask("outlook", outlook_request(policy, collected, version))
    if not found["why"]:
        return None
    missing = policy.run.needs.labels if found["labels"] is None else int(found["labels"])
    return Outlook(str(found["why"]), reader.now, reader.labels_known(), max(1, missing))
