# A relocatable prefix: library, headers, program, pkg-config file and CMake package. A consumer needs only C.
include(CMakePackageConfigHelpers)
install(TARGETS ptychokit EXPORT PtychoKitTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS ptychokit_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY capi/include/ptychokit DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
# Fortran's module files belong to one compiler: the sources are what is shared.
install(FILES bindings/fortran/src/ptychokit_c.f90 bindings/fortran/src/ptychokit.f90 DESTINATION ${CMAKE_INSTALL_DATADIR}/ptychokit/fortran)
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
