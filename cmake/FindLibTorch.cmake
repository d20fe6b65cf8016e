# Defines the imported target LibTorch::LibTorch from an installed PyPI wheel, CPU or CUDA build.
# The wheel's own find_package(Torch) stops on a CUDA wheel where no CUDA toolkit is installed; the
# plain libraries compile, link and run there.
#
# VISTAS_TORCH (cache or environment): the folder of the torch package, or of a Python environment.

if(NOT VISTAS_TORCH)
  set(VISTAS_TORCH "$ENV{VISTAS_TORCH}")
endif()
if(VISTAS_TORCH AND NOT EXISTS "${VISTAS_TORCH}/include/ATen")
  file(GLOB _torch_in_env "${VISTAS_TORCH}/lib/python3*/site-packages/torch")
  if(_torch_in_env)
    set(VISTAS_TORCH "${_torch_in_env}")
  endif()
endif()
if(NOT VISTAS_TORCH)
  find_program(_python NAMES python3 python)
  execute_process(
    COMMAND ${_python} -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
    OUTPUT_VARIABLE VISTAS_TORCH OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()

include(FindPackageHandleStandardArgs)
find_path(LibTorch_INCLUDE_DIR ATen/ATen.h PATHS "${VISTAS_TORCH}/include" NO_DEFAULT_PATH NO_CACHE)
find_library(LibTorch_CPU_LIBRARY torch_cpu PATHS "${VISTAS_TORCH}/lib" NO_DEFAULT_PATH NO_CACHE)
if(EXISTS "${VISTAS_TORCH}/version.py")
  file(STRINGS "${VISTAS_TORCH}/version.py" _line REGEX "^__version__ = ")
  string(REGEX REPLACE ".*'([0-9.]+).*" "\\1" LibTorch_VERSION "${_line}")
endif()
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "run ./dev setup, or set VISTAS_TORCH to a Python environment with torch 2.13 or newer")
if(LibTorch_FOUND AND LibTorch_VERSION VERSION_LESS 2.13)
  message(FATAL_ERROR "torch ${LibTorch_VERSION} in ${VISTAS_TORCH} is older than 2.13")
endif()

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  set(_lib "${VISTAS_TORCH}/lib")
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  set_target_properties(LibTorch::LibTorch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES
      "${LibTorch_INCLUDE_DIR};${LibTorch_INCLUDE_DIR}/torch/csrc/api/include"
    # The wheel brings fmt's headers without its library, and they come before the system's.
    INTERFACE_COMPILE_DEFINITIONS FMT_HEADER_ONLY=1
    # at::parallel_for is a template that runs on one thread where it is compiled without OpenMP.
    INTERFACE_COMPILE_OPTIONS -fopenmp
    INTERFACE_LINK_OPTIONS "-Wl,-rpath,${_lib}")
  set(_libraries "${_lib}/libtorch_cpu.so" "${_lib}/libc10.so")
  # The OpenMP library that LibTorch itself loads: a second one would bring its own threads.
  file(GLOB _openmp "${_lib}/libgomp*.so*" "${_lib}/../../torch.libs/libgomp*.so*")
  list(APPEND _libraries ${_openmp})
  if(EXISTS "${_lib}/libtorch_cuda.so")
    # Only named by nothing, so the linker would drop it; loading it registers the CUDA kernels.
    list(APPEND _libraries -Wl,--no-as-needed "${_lib}/libtorch_cuda.so" "${_lib}/libc10_cuda.so"
      -Wl,--as-needed)
    # What the process group of NCCL is compiled with: headers of packages beside the wheel's.
    set(_nvidia "${VISTAS_TORCH}/../nvidia")
    file(GLOB _cuda "${_nvidia}/cu[0-9]*/include")
    if(EXISTS "${_nvidia}/nccl/include/nccl.h" AND EXISTS "${_cuda}/crt/host_config.h"
        AND EXISTS "${_cuda}/cccl/nv/target")
      add_library(LibTorch::NCCL INTERFACE IMPORTED)
      target_include_directories(LibTorch::NCCL SYSTEM INTERFACE
        "${_nvidia}/nccl/include" "${_cuda}" "${_cuda}/cccl")
    else()
      message(STATUS "No headers of CUDA and NCCL beside LibTorch: processes cannot train together on "
        "GPUs; pip install 'cuda-toolkit[cccl,crt]' brings them")
    endif()
  endif()
  set_property(TARGET LibTorch::LibTorch PROPERTY INTERFACE_LINK_LIBRARIES "${_libraries}")
endif()
