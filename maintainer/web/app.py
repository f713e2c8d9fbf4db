"""The API: every route is one operation; errors come back as {"error": ..., "kind": ...}."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Body, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from maintainer import __version__
from maintainer.daemon import intake, status
from maintainer.daemon.doctor import examine, repair
from maintainer.daemon.labelling import By, Wanted
from maintainer.daemon.operations import Operations
from maintainer.errors import (
    BusyError,
    InputError,
    InterruptedRunError,
    MaintainerError,
    NotFoundError,
    PolicyError,
    RefusedError,
    StoreError,
)

log = logging.getLogger(__name__)

CODES = {
    NotFoundError: 404,
    RefusedError: 409,
    PolicyError: 422,
    InputError: 422,
    InterruptedRunError: 503,
    BusyError: 503,
    StoreError: 503,
}

router = APIRouter(prefix="/v1")


def held_operations(request: Request) -> Operations:
    """Return what the app was made with."""
    return request.app.state.operations


Held = Annotated[Operations, Depends(held_operations)]
Name = Annotated[str, Query(min_length=1, max_length=255, description="file name; its ending tells the format")]


def create_app(operations: Operations) -> FastAPI:
    """Return the app."""
    app = FastAPI(title="maintainer", version=__version__, docs_url=None, redoc_url=None)
    app.state.operations = operations
    app.add_exception_handler(MaintainerError, refuse)
    app.add_exception_handler(RequestValidationError, not_understood)
    app.add_exception_handler(HTTPException, not_offered)
    app.middleware("http")(survive)
    app.include_router(router)
    return app


async def survive(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    """Return a defect of ours as JSON; the traceback is for the log alone."""
    try:
        return await go_on(request)
    except Exception as error:
        log.exception("%s %s broke", request.method, request.url.path)
        told = f"a defect of maintainer, not of the request: {type(error).__name__}; the traceback is in its log"
        return JSONResponse({"error": told, "kind": type(error).__name__}, 500)


async def not_understood(request: Request, error: Exception) -> JSONResponse:
    """Return what is wrong with the parameters or the body of a request."""
    found: list[dict[str, Any]] = list(error.errors()) if isinstance(error, RequestValidationError) else []
    told = "; ".join(f"{'.'.join(str(step) for step in each['loc'])}: {each['msg']}" for each in found)
    return JSONResponse({"error": told, "kind": type(error).__name__}, 422)


async def not_offered(request: Request, error: Exception) -> JSONResponse:
    """Return that there is no such route or method."""
    code = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse({"error": f"{request.method} {request.url.path}: {error}", "kind": type(error).__name__}, code)


async def refuse(request: Request, error: Exception) -> JSONResponse:
    """Return an error raised on purpose as JSON."""
    code = next((code for kind, code in CODES.items() if isinstance(error, kind)), 500)
    return JSONResponse({"error": str(error), "kind": type(error).__name__}, code)


@router.get("/status")
def all_models(held: Held) -> dict[str, Any]:
    """Return what is watched, what is due and what is wrong."""
    return status.overview(held)


@router.get("/models/{model}")
def one_model(model: str, held: Held) -> dict[str, Any]:
    """Return where one model stands."""
    return status.of_model(held, model)


@router.get("/models/{model}/policy")
def policy(model: str, held: Held) -> dict[str, Any]:
    """Return the policy in force with every default filled in."""
    return held.context.policy(model).model_dump(mode="json", by_alias=True)


@router.get("/runs")
def runs(held: Held, model: str | None = None) -> list[dict[str, Any]]:
    """Return runs, newest first."""
    return status.runs(held, model)


@router.get("/runs/{run}")
def run(run: str, held: Held) -> dict[str, Any]:
    """Return a run with its journal, gates and figures."""
    return status.of_run(held, run)


@router.get("/reports/{name}")
def report(name: str, held: Held) -> dict[str, str]:
    """Return the path of the HTML report of a run, a check or a model."""
    return {"path": str(status.report_of(held, name))}


@router.post("/reports/{name}/evidently")
def evidently(name: str, held: Held) -> dict[str, str]:
    """Write Evidently's own report of a check, from bounded samples of its two windows; return its path."""
    return {"path": str(held.evidently_report(name))}


@router.post("/models/{model}/samples")
async def samples(model: str, name: Name, request: Request, held: Held) -> dict[str, Any]:
    """Take in a file of samples (parquet, csv or jsonl by the ending of `name`)."""
    return await _take(held, model, name, request, labels=False)


@router.post("/models/{model}/labels")
async def labels(model: str, name: Name, request: Request, held: Held) -> dict[str, Any]:
    """Take in a file of late labels."""
    return await _take(held, model, name, request, labels=True)


@router.post("/models/{model}/predictions")
async def predictions(model: str, name: Name, request: Request, held: Held) -> dict[str, Any]:
    """Return what the champion answers to the rows of a file; nothing is stored."""
    held.context.policy(model)
    with intake.upload(held.context, intake.PREDICTIONS, name) as path:
        await _receive(request.stream(), path)
        try:
            return await to_thread.run_sync(held.predict, model, path)
        finally:
            path.unlink(missing_ok=True)


@router.post("/models/{model}/base")
async def base(model: str, name: Name, request: Request, held: Held) -> dict[str, str]:
    """Take in what new weights of a model start from: a packed save_pretrained directory."""
    held.context.policy(model)
    with intake.upload(held.context, intake.PREDICTIONS, name) as path:
        await _receive(request.stream(), path)
        try:
            return {"path": str(await to_thread.run_sync(held.take_base, model, path))}
        finally:
            path.unlink(missing_ok=True)


@router.post("/models/{model}/checks")
def check(model: str, held: Held) -> dict[str, Any]:
    """Check a model now and return what was seen."""
    return status.of_check(held, held.check(model).id)


@router.post("/models/{model}/label-queue")
def label_queue(
    model: str,
    held: Held,
    count: Annotated[int, Body(embed=True, ge=1, le=100_000)],
    by: Annotated[By | None, Body(embed=True)] = None,
    again: Annotated[bool, Body(embed=True)] = False,
) -> dict[str, Any]:
    """Return the samples most worth a label; they are remembered as given out."""
    return held.label_queue(model, Wanted(count, by, again))


@router.post("/models/{model}/runs", status_code=202)
def start(
    model: str,
    held: Held,
    reason: Annotated[str, Body(embed=True)],
    bootstrap: Annotated[bool, Body(embed=True)] = False,
) -> dict[str, str | bool]:
    """Start a maintenance run, or the bootstrap of a model without a champion, or go on with the paused one."""
    paused = held.paused_run(model)
    run = held.start_run(model, reason, bootstrap)
    return {"run": run, "resumed": run == paused}


@router.post("/runs/{run}/reproduce", status_code=202)
def reproduce(
    run: str, held: Held, threads: Annotated[int | None, Body(embed=True, ge=1, le=64)] = None
) -> dict[str, str]:
    """Begin to train a past run again and to compare the outcome."""
    return {"experiment": held.reproduce(run, threads)}


@router.post("/runs/{run}/compare", status_code=202)
def compare(run: str, held: Held) -> dict[str, str]:
    """Begin to train other strategies on what a past run learned from."""
    return {"experiment": held.compare(run)}


@router.get("/experiments/{experiment}")
def experiment(experiment: str, held: Held) -> dict[str, Any]:
    """Return where an experiment stands, with its result once it is over."""
    return held.lab.look(experiment)


@router.post("/models/{model}/rollback")
def rollback(model: str, held: Held, to: Annotated[str | None, Body(embed=True)] = None) -> dict[str, str]:
    """Make a former champion serve again."""
    before, after = held.rollback(model, to, actor="operator")
    return {"from": before, "to": after}


@router.get("/doctor")
def doctor(held: Held) -> dict[str, Any]:
    """Return what is well and what is wrong, with what to do."""
    return examine(held)


@router.post("/doctor/repair")
def mend(held: Held) -> dict[str, Any]:
    """Do the safe repairs and return what was done."""
    return {"done": repair(held)}


async def _take(held: Operations, model: str, name: str, request: Request, labels: bool) -> dict[str, Any]:
    held.context.policy(model)
    with intake.upload(held.context, model, name, labels) as path:
        await _receive(request.stream(), path)
        return intake.document(await to_thread.run_sync(held.take_upload, model, path, name, labels))


async def _receive(pieces: AsyncIterator[bytes], path: Path) -> None:
    """Write a body to the spool piece by piece, durably; memory does not grow with it."""
    partial = intake.partial_of(path)
    try:
        with partial.open("wb") as file:
            async for piece in pieces:
                await to_thread.run_sync(file.write, piece)
        await to_thread.run_sync(intake.publish_upload, path)
    except OSError as error:
        raise StoreError(f"{partial} cannot be written: {error.strerror or error}") from error
