"""Adopt: a guest of the cluster that somebody else made becomes the VM of a service.

Only its mark is written. When the guest is no longer the one the operator looked at, the record ends in `remove`
with the reason. A failure that may pass is retried at every tick.
"""

from __future__ import annotations

from engine.pipelines.steps.ownership import take_over
from engine.work.model import Pipeline, PipelineStep

ADOPT = Pipeline(
    "Adopt",
    start="",
    steps=(PipelineStep(None, "Take ownership", take_over),),
    failed_status="remove",
    by_status=False,
)
