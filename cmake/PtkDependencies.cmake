# Everything from outside. Versions that must agree are pinned in cmake/versions.txt, which setup.sh reads too.
file(STRINGS "${PROJECT_SOURCE_DIR}/cmake/versions.txt" _ptk_versions REGEX "^[A-Za-z_-]+=")
foreach(_line IN LISTS _ptk_versions)
  string(REGEX MATCH "^([^=]+)=(.*)$" _ "${_line}")
  set(PTK_VERSION_${CMAKE_MATCH_1} "${CMAKE_MATCH_2}")
endforeach()

# LibTorch: named by the user, or the private one that setup.sh put beside the sources.
if(NOT LibTorch_ROOT)
  if(Torch_DIR)
    cmake_path(SET LibTorch_ROOT NORMALIZE "${Torch_DIR}/../../..")
  elseif(DEFINED ENV{PTYCHOKIT_TORCH})
    set(LibTorch_ROOT "$ENV{PTYCHOKIT_TORCH}")
  else()
    file(GLOB _ptk_torch "${PROJECT_SOURCE_DIR}/.deps/torch/lib/python3*/site-packages/torch")
    if(_ptk_torch)
      list(GET _ptk_torch 0 LibTorch_ROOT)
    endif()
  endif()
endif()
find_package(LibTorch ${PTK_VERSION_torch} REQUIRED)
message(STATUS "LibTorch ${LibTorch_VERSION} in ${LibTorch_LIBRARY_DIR}")

# Some LibTorch are built without processes that work together; then training.parallel says so.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES LibTorch::torch_cpu)
set(CMAKE_REQUIRED_INCLUDES "${PROJECT_SOURCE_DIR}/core/parallel/gloo_names")
set(CMAKE_REQUIRED_DEFINITIONS -DUSE_C10D_GLOO)
check_cxx_source_compiles("#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
  int main() { return c10d::ProcessGroupGloo::createDefaultDevice() ? 0 : 1; }" PTK_HAS_GLOO)
unset(CMAKE_REQUIRED_LIBRARIES)
unset(CMAKE_REQUIRED_INCLUDES)
unset(CMAKE_REQUIRED_DEFINITIONS)
# NCCL, for processes that work together on CUDA devices, needs the complete LibTorch and the headers of CUDA and NCCL: in pip's nvidia packages
# beside torch, or of a CUDA toolkit. Without them gradients go through the host. What LibTorch's CUDA library needs is often not there, and may
# be there the next time.
set(PTK_HAS_NCCL FALSE)
if(PTK_HAS_GLOO AND LibTorch_HAS_CUDA)
  file(GLOB _ptk_nvidia LIST_DIRECTORIES true "${LibTorch_LIBRARY_DIR}/../../nvidia/*/include")
  find_path(PTK_NCCL_INCLUDE nccl.h HINTS ${_ptk_nvidia} PATHS /usr/local/cuda/include NO_CACHE)
  find_path(PTK_CUDA_INCLUDE cusolverDn.h HINTS ${_ptk_nvidia} PATHS /usr/local/cuda/include NO_CACHE)
  if(PTK_NCCL_INCLUDE AND PTK_CUDA_INCLUDE)
    set(PTK_NCCL_INCLUDES "${PTK_NCCL_INCLUDE}" "${PTK_CUDA_INCLUDE}")
    set(CMAKE_REQUIRED_LIBRARIES LibTorch::torch_cuda)
    set(CMAKE_REQUIRED_INCLUDES ${PTK_NCCL_INCLUDES})
    set(CMAKE_REQUIRED_DEFINITIONS -DUSE_C10D_NCCL)
    unset(PTK_NCCL_LINKS CACHE)
    check_cxx_source_compiles("namespace c10d { void reset_nccl_trace(); }
      int main() { c10d::reset_nccl_trace(); }" PTK_NCCL_LINKS)
    if(PTK_NCCL_LINKS)
      check_cxx_source_compiles("#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
        int main() { return c10d::ProcessGroupNCCL::Options::create() ? 0 : 1; }" PTK_NCCL_COMPILES)
      set(PTK_HAS_NCCL ${PTK_NCCL_COMPILES})
    endif()
    unset(CMAKE_REQUIRED_LIBRARIES)
    unset(CMAKE_REQUIRED_INCLUDES)
    unset(CMAKE_REQUIRED_DEFINITIONS)
  endif()
endif()
# Fourier transforms of single planes in the cache: Intel's MKL, where LibTorch has it inside and lets others call it.
# That is no promised interface, so it is tried; without it LibTorch's transforms do the same.
include(CheckCXXSourceRuns)
set(CMAKE_REQUIRED_LIBRARIES LibTorch::torch_cpu)
check_cxx_source_runs("
  extern \"C\" {
  long DftiCreateDescriptor_s_md(void**, int, long, const long*);
  long DftiSetValue(void*, int, ...);
  long DftiCommitDescriptor(void*);
  long DftiComputeForward(void*, void*, ...);
  long DftiComputeBackward(void*, void*, ...);
  long DftiFreeDescriptor(void**);
  }
  int main() {
    void* handle = nullptr;
    const long lengths[] = {2, 3};
    float values[12] = {1};
    const bool done = DftiCreateDescriptor_s_md(&handle, 32, 2, lengths) == 0 && DftiSetValue(handle, 27, 1L) == 0 &&
      DftiCommitDescriptor(handle) == 0 && DftiComputeForward(handle, values) == 0 &&
      DftiComputeBackward(handle, values) == 0 && DftiFreeDescriptor(&handle) == 0;
    return done && values[0] > 5.99F && values[0] < 6.01F ? 0 : 1;
  }" PTK_HAS_MKL_DFTI)
unset(CMAKE_REQUIRED_LIBRARIES)

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(PNG REQUIRED)
pkg_check_modules(PTK_HDF5 REQUIRED IMPORTED_TARGET hdf5)
pkg_check_modules(PTK_ZIP REQUIRED IMPORTED_TARGET libzip)
find_path(PTK_NANOFLANN nanoflann.hpp REQUIRED)
find_path(PTK_CURL curl/curl.h REQUIRED)  # the headers alone: the library is opened when a training is tracked (core/tracking/curl.h)

add_library(ptk_dependencies INTERFACE)
target_link_libraries(ptk_dependencies INTERFACE nlohmann_json::nlohmann_json yaml-cpp PNG::PNG PkgConfig::PTK_HDF5
  PkgConfig::PTK_ZIP Threads::Threads)
target_include_directories(ptk_dependencies SYSTEM INTERFACE "${PTK_NANOFLANN}" "${PTK_CURL}")
