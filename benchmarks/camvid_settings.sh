#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Settings of the auxiliary network on CamVid, for docs/results.md: each is trained once and judged
# by the truth sampled where it samples; no base network is trained. Half an hour on one core.
#
#   benchmarks/camvid_settings.sh CAMVID FOLDER     CAMVID in the `folder` layout, results to FOLDER
set -euo pipefail
camvid=${1:?the folder of CamVid is wanted} folder=${2:?a folder for the results is wanted}
common=(--data "camvid:$camvid" --cache --min-scale 0.6 --color 0.15 --contrast 0.3
    --brightness 0.15 --lr 2e-3 --batch-size 16 --threads 1 --quiet)

train() { # NAME VIEW TENSOR LAMBDA WIDTH [OPTION ...]
    local name=$1 view=$2 tensor=$3 lambda=$4 width=$5
    shift 5
    adaseg-fast train sampler "${common[@]}" --view-size "$view" --tensor-size "$tensor" \
        --lam "$lambda" --width "$width" --epochs 100 "$@" --output "$folder/$name"
}

train view64_8x8_lambda1_width32 64 8 1 32
train view64_8x8_lambda1_width64 64 8 1 64
train view64_8x8_lambda1_width128 64 8 1 128
train view32_8x8_lambda1_width64 32 8 1 64
train view128_8x8_lambda1_width64 128 8 1 64
train view64_8x8_lambda0.5_width64 64 8 0.5 64
train view64_8x8_lambda1_width64_energy 64 8 1 64 --loss energy
train view64_8x8_lambda1_width64_scale0.4 64 8 1 64 --min-scale 0.4
train view64_8x8_lambda1_width64_200epochs 64 8 1 64 --epochs 200
train view64_16x16_lambda1_width32 64 16 1 32
train view64_16x16_lambda1_width64 64 16 1 64
train view128_16x16_lambda1_width64 128 16 1 64
train view64_16x16_lambda0.5_width64 64 16 0.5 64
train view64_16x16_lambda2_width64 64 16 2 64
train view64_16x16_lambda4_width64 64 16 4 64
adaseg-fast evaluate --data "camvid:$camvid" --cache --crop none --threads 1 --quiet \
    --ceiling 32 64 128 --sampler "$folder"/view*/sampler.safetensors --output "$folder/evaluation"
