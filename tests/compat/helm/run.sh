#!/usr/bin/env bash
# The chart, by Helm itself: lint, templates under several values, what must be refused, rendered configurations by `throughline config check`, and manifests
# decoded strictly as the types of Kubernetes. Needs helm and Go.
#   tests/compat/helm/run.sh [BINARY]
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
binary=$(realpath "${1:-${CARGO_TARGET_DIR:-$root/target}/release/throughline}")
cd "$root/tests/compat/helm"
chart=../../../helm/throughline
# A Helm that was built by `go install` thinks of an old cluster.
kubernetes=(--kube-version 1.33.0)
command -v helm >/dev/null 2>&1 || { echo "helm is needed: go install helm.sh/helm/v3/cmd/helm@latest" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd go && go build -o "$work/decode" .)
helm lint --strict --quiet "${kubernetes[@]}" "$chart"

count=0
for values in values/*.yaml; do
    name=$(basename "$values" .yaml)
    helm lint --strict --quiet "${kubernetes[@]}" -f "$values" "$chart"
    helm template bank "$chart" --namespace tracing "${kubernetes[@]}" -f "$values" >"$work/$name.yaml"
    "$work/decode" "$work/$name.yaml" "$work/$name.config.yaml"
    # The password lies where only a pod has it.
    sed -i 's|${file:/run/secrets/[a-z/]*}|none|' "$work/$name.config.yaml"
    "$binary" config check "$work/$name.config.yaml" >"$work/check" 2>&1 || { cat "$work/check" "$work/$name.config.yaml" >&2; exit 1; }
    printf 'right    %s\n' "$name"
    count=$((count + 1))
done
[ "$count" -gt 0 ]

# What, what it must say, and the values.
refused() {
    local what=$1 word=$2
    shift 2
    if helm template bank "$chart" "${kubernetes[@]}" "$@" >"$work/out" 2>&1; then
        printf 'not refused: %s\n' "$what" >&2
        exit 1
    fi
    grep -q -- "$word" "$work/out" || { printf '%s is refused without "%s":\n' "$what" "$word" >&2; cat "$work/out" >&2; exit 1; }
    printf 'refused  %s\n' "$what"
}
refused "two replicas" "would assemble halves" --set replicas=2
refused "an address in the configuration" "config/api" --set config.api.endpoint=127.0.0.1:1
refused "a password in the configuration" "config/clickhouse" --set config.clickhouse.password=x
refused "a store that is no URL" "clickhouse/url" --set clickhouse.url=clickhouse
refused "a value that the chart does not have" "replicaCount" --set replicaCount=2
refused "less time than the end takes" "terminationGracePeriodSeconds" --set terminationGracePeriodSeconds=5
