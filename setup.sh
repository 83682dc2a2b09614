#!/usr/bin/env bash
# Install what PtychoKit is built from. Safe to run again: what is there is left alone.
#
#   ./setup.sh           Debian packages (as root) and the CPU part of LibTorch into .deps/
#   ./setup.sh --cuda    the complete LibTorch with CUDA (about 5 GB)
#   ./setup.sh --tests   also what only tests need: Debian's junit4 and valgrind; into .deps/ Julia (300 MB) when there is none,
#                       matplotlib (110 MB), MLflow (650 MB), two ptychodus (1.3 GB)
#
# Nothing outside the checkout is changed but Debian packages; the user's Python is only used to make a private environment.
set -euo pipefail
cd "$(dirname "$0")"

cuda=0
tests=0
for argument in "$@"; do
    case "$argument" in
    --cuda) cuda=1 ;;
    --tests) tests=1 ;;
    -h | --help)
        sed -n '2,9s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *)
        echo "setup.sh: unknown option '$argument' (try --help)" >&2
        exit 2
        ;;
    esac
done

required=(g++ gcc cmake ninja-build pkg-config git python3 python3-venv libhdf5-dev libzip-dev libpng-dev zlib1g-dev
    libcurl4-openssl-dev
    nlohmann-json3-dev libyaml-cpp-dev libnanoflann-dev libcli11-dev libgtest-dev libgmock-dev)
# Without these something is skipped (bindings, benchmarks) or only slower to build.
optional=(ccache mold swig gfortran python3-dev python3-numpy default-jdk-headless libbenchmark-dev abigail-tools)
[ "$tests" -eq 0 ] || optional+=(junit4 valgrind)

missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
}

install_packages() {
    if ! command -v dpkg-query >/dev/null; then
        echo "setup: this is not Debian; these are needed, under the names of your system: ${required[*]}"
        return
    fi
    local need want
    need=$(missing_packages "${required[@]}")
    want=$(missing_packages "${optional[@]}")
    if [ -z "$need$want" ]; then
        echo "setup: Debian packages: all there"
        return
    fi
    if [ "$(id -u)" -ne 0 ]; then
        [ -z "$want" ] || echo "setup: not root; optional packages not installed: $(echo $want)"
        [ -z "$need" ] || {
            echo "setup: not root, and these packages are missing. Ask for: apt-get install $(echo $need)" >&2
            exit 1
        }
        return
    fi
    echo "setup: installing Debian packages: $(echo $need $want)"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086
    [ -z "$need" ] || apt-get install -y -qq --no-install-recommends $need >/dev/null
    # shellcheck disable=SC2086
    [ -z "$want" ] || apt-get install -y -qq --no-install-recommends $want >/dev/null ||
        echo "setup: some optional packages could not be installed: $(missing_packages "${optional[@]}" | tr '\n' ' ')"
}

version_of() { sed -n "s/^$1=//p" cmake/versions.txt; }

install_torch() {
    if [ -n "${PTYCHOKIT_TORCH:-}" ]; then
        echo "setup: LibTorch: PTYCHOKIT_TORCH=$PTYCHOKIT_TORCH is used as it is"
        return
    fi
    local set=cpu
    [ "$cuda" -eq 0 ] || set=cuda
    local wanted="$set torch==$(version_of torch)"
    local have
    have=$(cat .deps/torch/installed 2>/dev/null || true)
    if [ "$have" = "$wanted" ] || [ "$have" = "cuda torch==$(version_of torch)" ]; then
        echo "setup: LibTorch: there ($have)"
        return
    fi
    echo "setup: installing LibTorch ($wanted) from PyPI into .deps/torch"
    rm -rf .deps/torch
    mkdir -p .deps
    python3 -m venv .deps/torch
    local pip=(.deps/torch/bin/python -m pip --disable-pip-version-check install --quiet --no-compile)
    if [ "$cuda" -eq 1 ]; then
        "${pip[@]}" "torch==$(version_of torch)"
    else
        # The CPU library of the wheel needs these two CUDA libraries to load, and nothing else of CUDA.
        "${pip[@]}" --no-deps "torch==$(version_of torch)" "nvidia-cuda-runtime==$(version_of nvidia-cuda-runtime)" \
            "nvidia-cuda-cupti==$(version_of nvidia-cuda-cupti)"
    fi
    echo "$wanted" >.deps/torch/installed
}

# Debian 12 has no Julia. Without one its tests are skipped and say so.
install_julia() {
    if command -v julia >/dev/null || [ -x .deps/julia/bin/julia ]; then
        echo "setup: Julia: there"
        return
    fi
    echo "setup: unpacking Julia into .deps/julia"
    rm -rf .deps/julia
    mkdir -p .deps
    if bindings/julia/private_julia.sh .deps/julia >.deps/julia.log 2>&1; then
        echo "setup: Julia: $(tail -1 .deps/julia.log)"
    else
        rm -rf .deps/julia
        echo "setup: Julia could not be had (.deps/julia.log); its tests will be skipped"
    fi
}

# Debian's package brings scipy and boost, 330 MB. Without one the test of the tutorial is skipped and says so.
install_matplotlib() {
    local python=""
    for python in python3 /usr/bin/python3; do # as the build chooses
        "$python" -c "import numpy" 2>/dev/null && break
    done
    if "$python" -c "import matplotlib" 2>/dev/null || [ -e .deps/matplotlib/installed ]; then
        echo "setup: matplotlib: there"
        return
    fi
    echo "setup: installing matplotlib from PyPI into .deps/matplotlib"
    rm -rf .deps/matplotlib
    if "$python" -m venv --system-site-packages .deps/matplotlib &&
        .deps/matplotlib/bin/python -m pip --disable-pip-version-check install --quiet --no-compile \
            "matplotlib==$(version_of matplotlib)" "contourpy==$(version_of contourpy)" "numpy<2"; then # Debian's NumPy is enough
        touch .deps/matplotlib/installed
    else
        rm -rf .deps/matplotlib
        echo "setup: matplotlib could not be had; the test of the tutorial will be skipped"
    fi
}

# Without it the test of tracking against a real server is skipped and says so.
install_mlflow() {
    local wanted
    wanted="mlflow==$(version_of mlflow)"
    if [ "$(cat .deps/mlflow/installed 2>/dev/null || true)" = "$wanted" ]; then
        echo "setup: MLflow: there"
        return
    fi
    echo "setup: installing MLflow from PyPI into .deps/mlflow"
    rm -rf .deps/mlflow
    mkdir -p .deps
    if python3 -m venv .deps/mlflow &&
        .deps/mlflow/bin/python -m pip --disable-pip-version-check install --quiet --no-compile \
            --constraint tests/cli/mlflow_constraints.txt "$wanted" >.deps/mlflow.log 2>&1; then
        echo "$wanted" >.deps/mlflow/installed
    else
        rm -rf .deps/mlflow
        echo "setup: MLflow could not be had (.deps/mlflow.log); the test of tracking against a real server will be skipped"
    fi
}

# Without it the tests of that version are skipped and say so.
install_ptychodus() {
    local name="$1" version="$2" folder=".deps/ptychodus-$1" python=python3
    # The Python that the bindings are built for, see bindings/CMakeLists.txt.
    python3 -c 'import numpy' 2>/dev/null || python=/usr/bin/python3
    mkdir -p .deps
    if tests/bindings/ptychodus/environment.sh "$version" "$folder" "$python" >"$folder.log" 2>&1; then
        echo "setup: ptychodus $version: $(tail -1 "$folder.log")"
    else
        rm -rf "$folder"
        echo "setup: ptychodus $version could not be had ($folder.log); its tests will be skipped"
    fi
}

install_packages
install_torch
[ "$tests" -eq 0 ] || {
    install_julia
    install_matplotlib
    install_mlflow
    install_ptychodus 1.2 1.2
    install_ptychodus 1.7 1.7.0
}
echo "setup: done"
