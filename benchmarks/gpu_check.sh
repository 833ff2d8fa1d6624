#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# All that wants a GPU, in one call of under 9 minutes: builds for the device at hand, tests,
# sanitises, benchmarks, and prints a short table last. Nothing is downloaded: python3 has to have
# torch, pybind11, cmake, ninja, numba, scipy, opencv, pytest, pytest-benchmark and hypothesis.
#
#   PYTHON      the interpreter; python3
#   OUT         folder for logs and benchmark.json; a temporary one
#   CUDAARCHS   what to build for; native, the device at hand
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3}
out=${OUT:-$(mktemp -d)}
site=$out/site
mkdir -p "$out"
# Safe path: the source tree, which has no compiled module, must not come before what is installed.
# Plugins of pytest that happen to be installed are not needed.
export PYTHONPATH=$site PYTHONSAFEPATH=1 PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
pytest=("$python" -m pytest -q -p no:cacheprovider -p pytest_benchmark.plugin
    -p _hypothesis_pytestplugin -W default)
summary=()

part() { # NAME SECONDS COMMAND...: the log goes to a file, its end is shown if the command fails
    local name=$1 limit=$2 start=$SECONDS status=0
    shift 2
    timeout "$limit" "$@" >"$out/$name.log" 2>&1 || status=$?
    ((status == 0)) || { printf '== %s failed (%d)\n' "$name" "$status" && tail -n 40 "$out/$name.log"; }
    summary+=("$(printf '%-12s %-7s %4d s' "$name" "$( ((status == 0)) && echo ok || echo FAILED)" $((SECONDS - start)))")
    return "$status"
}

failed=0
# Without pip, whose requirements on setuptools such a machine need not meet.
mkdir -p "$site"
cp -r adaseg_fast "$site"
find "$site" -name '*.so' -delete
compile=(cmake -S . -B "$out/build" -G Ninja -DPython_EXECUTABLE="$(command -v "$python")"
    -DADASEG_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES="${CUDAARCHS:-native}")
if ! { part configure 40 "${compile[@]}" && part build 80 cmake --build "$out/build" &&
    part install 10 cmake --install "$out/build" --prefix "$site/adaseg_fast"; }; then
    printf '%s\n' "${summary[@]}"
    exit 1
fi
part device 20 "$python" -c 'import torch, adaseg_fast
assert torch.cuda.is_available() and adaseg_fast.build_info()["cuda"], adaseg_fast.build_info()' ||
    failed=1
part tests 110 "${pytest[@]}" tests/cuda/test_device.py || failed=1
# Without torch's own pool of memory every array has its own bounds.
for tool in memcheck racecheck; do
    part "$tool" 60 env PYTORCH_NO_CUDA_MEMORY_CACHING=1 compute-sanitizer --tool "$tool" \
        --error-exitcode 1 "$python" benchmarks/gpu/every_op.py || failed=1
done
part benchmarks 150 "${pytest[@]}" benchmarks -k gpu --benchmark-json="$out/benchmark.json" ||
    failed=1

echo
printf '%s\n' "${summary[@]}"
grep -hE '^[0-9]+ (passed|failed)|passed|ERROR SUMMARY|RACECHECK SUMMARY' "$out"/{tests,memcheck,racecheck}.log
[[ -f $out/benchmark.json ]] && "$python" benchmarks/gpu/table.py "$out/benchmark.json"
exit "$failed"
