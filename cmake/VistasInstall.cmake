# What `cmake --install` puts beside libraries, headers and program: the CMake package `vistas`, the
# licence, and recipes and examples as they lie in the repository.
include(CMakePackageConfigHelpers)

get_property(rooms GLOBAL PROPERTY VISTAS_ROOMS)
add_library(vistas_all INTERFACE)
target_link_libraries(vistas_all INTERFACE ${rooms})
set_target_properties(vistas_all PROPERTIES EXPORT_NAME vistas)
add_library(vistas::vistas ALIAS vistas_all)
install(TARGETS vistas_all EXPORT vistas)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/vistas)
install(EXPORT vistas NAMESPACE vistas:: FILE vistasTargets.cmake DESTINATION ${package})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/vistasConfig.cmake.in
  ${PROJECT_BINARY_DIR}/vistasConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/vistasConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/vistasConfig.cmake
  ${PROJECT_BINARY_DIR}/vistasConfigVersion.cmake ${PROJECT_SOURCE_DIR}/cmake/FindLibTorch.cmake
  DESTINATION ${package})

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/recipes ${PROJECT_SOURCE_DIR}/examples
  DESTINATION ${CMAKE_INSTALL_DATADIR}/vistas)
