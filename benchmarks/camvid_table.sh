#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The CamVid table of docs/results.md: uniform against adaptive at a working size of 64 x 64, two
# seeds, and what ideal sampling would allow. Under an hour on two cores.
#
#   benchmarks/camvid_table.sh CAMVID FOLDER     CAMVID in the `folder` layout, results to FOLDER
set -euo pipefail
camvid=${1:?the folder of CamVid is wanted} folder=${2:?a folder for the results is wanted}
common=(--data "camvid:$camvid" --cache --width 64 --min-scale 0.6 --color 0.15 --contrast 0.3
    --brightness 0.15 --lr 2e-3 --threads 1 --quiet)

train() { # SEED: one sampler, then both base networks side by side
    local seed=$1
    adaseg-fast train sampler "${common[@]}" --aux-size 64 --tensor-size 8 --epochs 100 \
        --batch-size 16 --seed "$seed" --output "$folder/sampler_$seed"
    local base=("${common[@]}" --size 64 --balance --epochs 100 --batch-size 8 --seed "$seed")
    adaseg-fast train segmenter "${base[@]}" --uniform --output "$folder/uniform_$seed" &
    adaseg-fast train segmenter "${base[@]}" --sampler "$folder/sampler_$seed/sampler.safetensors" \
        --output "$folder/adaptive_$seed"
    wait $!
}

for seed in 0 1; do
    train "$seed"
done
for crop in square none; do
    adaseg-fast evaluate --data "camvid:$camvid" --cache --threads 1 --quiet --crop "$crop" \
        --model "$folder"/{uniform,adaptive}_{0,1}/model.safetensors \
        --output "$folder/evaluation_$crop"
done
adaseg-fast evaluate --data "camvid:$camvid" --split train val --crop none --quiet \
    --ceiling 32 64 128 --tensor-size 8 --output "$folder/ceiling_8"
adaseg-fast evaluate --data "camvid:$camvid" --split train val --crop none --quiet \
    --ceiling 32 64 128 --tensor-size 16 --output "$folder/ceiling_16"
