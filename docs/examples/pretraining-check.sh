#!/usr/bin/env bash
# Scans training data, and starts the training job only if it passes: what could not be scanned does not pass either.
#
#   INDEX=indexes/books SHARDS=data/ docs/examples/pretraining-check.sh torchrun train.py --data data/
#
#   GRADE=excerpts          the lowest grade that stops the job
#   RUN=pretraining.duckdb  the run database; given again, a check that was interrupted goes on
#   BASELINE=last.duckdb    if set: only what is there more often than in that run stops the job
#   ALLOWED=allowed.toml    if set: works and matches that may be there
#
# Exit codes: those of the job, if it was started; else 1 works were found, 3 not all could be scanned, 2 or others: the
# check itself failed.
set -euo pipefail

: "${INDEX:?name the index of the known books}" "${SHARDS:?name the training data}"
run=${RUN:-pretraining.duckdb}
if [ $# -eq 0 ]; then echo "usage: $0 COMMAND OF THE TRAINING JOB" >&2; exit 2; fi

options=(--fail-on "${GRADE:-excerpts}" --exit-code 1)
if [ -n "${BASELINE:-}" ]; then options+=(--baseline "$BASELINE"); fi
if [ -n "${ALLOWED:-}" ]; then options+=(--allow "$ALLOWED"); fi

code=0
provenance scan "$SHARDS" --index "$INDEX" --db "$run" "${options[@]}" || code=$?

case $code in
  0)
    echo "pretraining check: passed; starting the job" >&2
    exec "$@"
    ;;
  1)
    echo "pretraining check: known works are in $SHARDS; the job is not started" >&2
    if [ -f "$run" ]; then provenance report "$run" --out "${run%.duckdb}.html"; fi
    ;;
  3)
    echo "pretraining check: not all of $SHARDS could be scanned, so it has not passed; the job is not started" >&2
    ;;
  *)
    echo "pretraining check: the check failed with exit code $code; the job is not started" >&2
    ;;
esac
exit "$code"
