# In a wheel: the package with the library in it, which finds the LibTorch of the torch package beside it.
if(SKBUILD)
  if(NOT TARGET ptk_python)
    message(FATAL_ERROR "a wheel needs swig, Python's development files and NumPy")
  endif()
  # Wheels have no links, so the library has one name.
  set_target_properties(ptychokit PROPERTIES VERSION 0 INSTALL_RPATH "$ORIGIN;$ORIGIN/../torch/lib")
  install(TARGETS ptychokit ptk_python LIBRARY DESTINATION ${SKBUILD_PLATLIB_DIR}/ptychokit COMPONENT python NAMELINK_SKIP)
  if(TARGET ptychokit_nccl)
    set_target_properties(ptychokit_nccl PROPERTIES INSTALL_RPATH "$ORIGIN;$ORIGIN/../torch/lib")
    install(TARGETS ptychokit_nccl LIBRARY DESTINATION ${SKBUILD_PLATLIB_DIR}/ptychokit COMPONENT python)
  endif()
  install(DIRECTORY "${PTK_PYTHON_FOLDER}" DESTINATION ${SKBUILD_PLATLIB_DIR} COMPONENT python
    FILES_MATCHING PATTERN "*.py" PATTERN "*.pyi" PATTERN "py.typed" PATTERN "__pycache__" EXCLUDE)
  install(FILES ${PTK_PYTHON_FILES} DESTINATION ${SKBUILD_PLATLIB_DIR}/ptychokit COMPONENT python)
  return()
endif()

# A relocatable prefix: library, headers, program, pkg-config file and CMake package. A consumer needs only C.
include(CMakePackageConfigHelpers)
install(TARGETS ptychokit EXPORT PtychoKitTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET ptychokit_nccl)
  install(TARGETS ptychokit_nccl LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(TARGETS ptychokit_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY capi/include/ptychokit DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
# The layers of the other languages; pkg-config says where they are. Fortran's module files belong to one compiler: the sources are what is
# shared. Python's is a wheel.
install(DIRECTORY bindings/fortran bindings/julia DESTINATION ${CMAKE_INSTALL_DATADIR}/ptychokit
  FILES_MATCHING PATTERN "*.toml" PATTERN "*.f90" PATTERN "*.jl" PATTERN "test" EXCLUDE)
if(TARGET ptk_java)
  set_target_properties(ptk_java PROPERTIES INSTALL_RPATH "$ORIGIN")
  install(TARGETS ptk_java LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(FILES "${CMAKE_BINARY_DIR}/bindings/java/ptychokit.jar" DESTINATION ${CMAKE_INSTALL_DATADIR}/java)
endif()
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(EXPORT PtychoKitTargets NAMESPACE PtychoKit:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/PtychoKit)
configure_package_config_file(pkgconfig/PtychoKitConfig.cmake.in "${CMAKE_BINARY_DIR}/pkgconfig/PtychoKitConfig.cmake"
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/PtychoKit)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/pkgconfig/PtychoKitConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/pkgconfig/PtychoKitConfig.cmake" "${CMAKE_BINARY_DIR}/pkgconfig/PtychoKitConfigVersion.cmake"
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/PtychoKit)
# pkg-config finds the prefix from where its file lies, so that a moved prefix works.
file(RELATIVE_PATH PTK_PC_PREFIX "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
configure_file(pkgconfig/ptychokit.pc.in "${CMAKE_BINARY_DIR}/pkgconfig/ptychokit.pc" @ONLY)
install(FILES "${CMAKE_BINARY_DIR}/pkgconfig/ptychokit.pc" DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
