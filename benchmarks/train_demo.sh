#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the weights that `adaseg-fast demo` uses: one sampler and two base networks of the same
# width, trained alike on drawn scenes, then stored in half precision. About 30 minutes on two cores.
#
#   benchmarks/train_demo.sh FOLDER     checkpoints go to FOLDER, weights to adaseg_fast/weights
set -euo pipefail
folder=${1:?a folder for the checkpoints is wanted}
weights=$(dirname "$0")/../adaseg_fast/weights
scenes=(--data synthetic:800 --cache --min-scale 0.6 --color 0.1 --width 64 --threads 1 --quiet)
base=("${scenes[@]}" --size 64 --balance --epochs 40 --batch-size 8 --lr 2e-3)

adaseg-fast train sampler "${scenes[@]}" --view-size 64 --tensor-size 8 --epochs 60 \
    --batch-size 16 --lr 3e-3 --output "$folder/sampler"
adaseg-fast train segmenter "${base[@]}" --uniform --output "$folder/uniform" &
adaseg-fast train segmenter "${base[@]}" --sampler "$folder/sampler/sampler.safetensors" \
    --output "$folder/adaptive"
wait $!
for kind in uniform adaptive; do
    adaseg-fast shrink "$folder/$kind/model.safetensors" \
        --output "$weights/demo_$kind.safetensors"
done
