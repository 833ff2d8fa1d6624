#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Run the tests with other versions of torch, NumPy and so on than those of constraints.txt: the
# oldest series that pyproject.toml allows, or the newest ones that exist. Warnings are no failures
# here, since these packages warn of each other's future changes. From the root of the repository:
#
#   tests/audits/check_versions.sh oldest python3.10 [PYTEST-ARGUMENT ...]
#   tests/audits/check_versions.sh newest python3.11 [PYTEST-ARGUMENT ...]
set -euo pipefail
which=${1:?the first argument must be oldest or newest} python=${2:?the second argument must be a Python interpreter}
shift 2
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

constraints=$scratch/constraints.txt
case $which in
    oldest) grep -oE '"[A-Za-z0-9_-]+>=[0-9.]+' pyproject.toml | tr -d '"' | sed 's/>=/==/; s/$/.*/' ;;
    newest) ;;
    *)
        echo "the first argument must be oldest or newest, not $which" >&2
        exit 2
        ;;
esac | sort -u >"$constraints"

"$python" -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -qq -c "$constraints" ".[test]"
"$scratch/venv/bin/pip" list 2>/dev/null | grep -E '^(torch|numpy|numba|scipy|matplotlib|pillow) '
"$scratch/venv/bin/pytest" -o filterwarnings=default "$@"
