#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the weights that `adaseg-fast demo` uses: one sampler and two base networks of the same
# width, trained alike on drawn scenes, then stored in half precision. About 40 minutes on one core.
#
#   benchmarks/train_demo.sh FOLDER     checkpoints go to FOLDER, weights to adaseg_fast/weights
set -euo pipefail
folder=${1:?a folder for the checkpoints is wanted}
scenes=(--data synthetic:800 --cache --min-scale 0.6 --color 0.1 --lr 2e-3 --width 64 --threads 1)

adaseg-fast train sampler "${scenes[@]}" --aux-size 64 --epochs 24 --batch-size 16 \
    --output "$folder/sampler"
for kind in uniform adaptive; do
    how=(--uniform)
    [[ $kind == adaptive ]] && how=(--sampler "$folder/sampler/sampler.safetensors")
    adaseg-fast train segmenter "${scenes[@]}" "${how[@]}" --size 64 --balance --epochs 40 \
        --batch-size 8 --output "$folder/$kind"
    adaseg-fast shrink "$folder/$kind/model.safetensors" \
        --output "$(dirname "$0")/../adaseg_fast/weights/demo_$kind.safetensors"
done
