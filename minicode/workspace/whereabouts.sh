# Read by bash before a command: see whereabouts.py. Nothing of it is to be noticed, be it under set -x, -e or -C.
printf -v MINICODE_ENDED %q "$MINICODE_ENDED"
trap "{ set +x; command pwd -P >| $MINICODE_ENDED || :; } 2>/dev/null" EXIT
unset BASH_ENV MINICODE_ENDED
