#!/bin/sh
# Makes the namespace TEMPORAL_NAMESPACE, in which closed workflows are kept for RETENTION, unless it is there. The
# worker registers its search attributes itself.
set -eu
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
