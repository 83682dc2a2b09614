# Language level, warnings, visibility, ccache, mold, sanitizers.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "build type" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 99)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# -O3 of the Release default costs compile time and gains nothing outside the kernels, which set their own flags.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

find_program(PTK_CCACHE ccache)
if(PTK_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths below the checkout do not count, so that several checkouts share what is compiled.
  set(PTK_CCACHE_LAUNCHER "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros
    "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" "${PTK_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PTK_CCACHE_LAUNCHER})
  set(CMAKE_C_COMPILER_LAUNCHER ${PTK_CCACHE_LAUNCHER})
endif()

# Options that only our own targets carry.
add_library(ptk_options INTERFACE)
target_compile_options(ptk_options INTERFACE -Wall -Wextra $<$<BOOL:${PTYCHOKIT_WERROR}>:-Werror>
  $<$<AND:$<BOOL:${PTK_CCACHE}>,$<CXX_COMPILER_ID:GNU>>:-fpch-preprocess>)
if(PTYCHOKIT_SANITIZE)
  # vptr needs run-time type information across the uninstrumented LibTorch.
  target_compile_options(ptk_options INTERFACE -fsanitize=${PTYCHOKIT_SANITIZE} -fno-sanitize=vptr -fno-omit-frame-pointer -g1)
  target_link_options(ptk_options INTERFACE -fsanitize=${PTYCHOKIT_SANITIZE})
endif()
find_program(PTK_MOLD mold)
if(PTK_MOLD AND NOT PTYCHOKIT_SANITIZE)
  target_link_options(ptk_options INTERFACE -fuse-ld=mold)
endif()

# Kernel sources named *_avx2.cpp and *_avx512.cpp carry their instruction set; which one runs is chosen at run time.
function(ptk_isa_sources target)
  get_target_property(_sources ${target} SOURCES)
  foreach(_source IN LISTS _sources)
    if(_source MATCHES "/kernels/cpu/")
      # Roots neither set errno nor trap: that would keep loops with a sqrt or a maximum scalar.
      # A product and a sum become one instruction where there is one.
      set(_flags "-O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast")
      # On other processors these files are compiled too, and never chosen.
      if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
      elseif(_source MATCHES "_avx512\\.cpp$")
        string(APPEND _flags " -march=x86-64-v4 -mprefer-vector-width=512")
      elseif(_source MATCHES "_avx2\\.cpp$")
        string(APPEND _flags " -march=x86-64-v3")
      endif()
      set_source_files_properties(${_source} PROPERTIES COMPILE_FLAGS "${_flags}" SKIP_PRECOMPILE_HEADERS ON)
    endif()
  endforeach()
endfunction()
