! Generated from bindings/swig/ptk.i by bindings/generate/generate.py; changes are lost.
!> The C interface of PtychoKit as it is: constants, structs, functions. Absent optional arguments are NULL.
!! The convenient module is `ptychokit`. Texts end with c_null_char; arrays have the reversed shape of C.
module ptychokit_c
  use, intrinsic :: iso_c_binding
  implicit none
  public

  integer(c_int32_t), parameter :: PTK_VERSION_MAJOR = 0
  integer(c_int32_t), parameter :: PTK_VERSION_MINOR = 1
  integer(c_int32_t), parameter :: PTK_VERSION_PATCH = 0
  integer(c_int32_t), parameter :: PTK_MAX_NDIM = 6
  integer(c_int32_t), parameter :: PTK_PLUGIN_ABI = 1

  ! enum ptk_status_code
  integer(c_int32_t), parameter :: PTK_OK = 0
  integer(c_int32_t), parameter :: PTK_ERR_INTERNAL = 1
  integer(c_int32_t), parameter :: PTK_ERR_INVALID_ARGUMENT = 2
  integer(c_int32_t), parameter :: PTK_ERR_INVALID_CONFIG = 3
  integer(c_int32_t), parameter :: PTK_ERR_SHAPE = 4
  integer(c_int32_t), parameter :: PTK_ERR_NOT_FOUND = 5
  integer(c_int32_t), parameter :: PTK_ERR_EXISTS = 6
  integer(c_int32_t), parameter :: PTK_ERR_BUFFER_TOO_SMALL = 7
  integer(c_int32_t), parameter :: PTK_ERR_OUT_OF_MEMORY = 8
  integer(c_int32_t), parameter :: PTK_ERR_IO = 9
  integer(c_int32_t), parameter :: PTK_ERR_FORMAT = 10
  integer(c_int32_t), parameter :: PTK_ERR_DEVICE = 11
  integer(c_int32_t), parameter :: PTK_ERR_UNSUPPORTED = 12
  integer(c_int32_t), parameter :: PTK_ERR_STATE = 13
  integer(c_int32_t), parameter :: PTK_ERR_NOT_CONVERGED = 14
  integer(c_int32_t), parameter :: PTK_ERR_CANCELLED = 15
  integer(c_int32_t), parameter :: PTK_ERR_CALLBACK = 16

  ! enum ptk_dtype_code
  integer(c_int32_t), parameter :: PTK_U8 = 1
  integer(c_int32_t), parameter :: PTK_U16 = 2
  integer(c_int32_t), parameter :: PTK_I32 = 3
  integer(c_int32_t), parameter :: PTK_I64 = 4
  integer(c_int32_t), parameter :: PTK_I8 = 5
  integer(c_int32_t), parameter :: PTK_I16 = 6
  integer(c_int32_t), parameter :: PTK_U32 = 7
  integer(c_int32_t), parameter :: PTK_U64 = 8
  integer(c_int32_t), parameter :: PTK_BOOL = 9
  integer(c_int32_t), parameter :: PTK_F32 = 10
  integer(c_int32_t), parameter :: PTK_F64 = 11
  integer(c_int32_t), parameter :: PTK_C64 = 20
  integer(c_int32_t), parameter :: PTK_C128 = 21

  ! enum ptk_device_kind
  integer(c_int32_t), parameter :: PTK_DEVICE_CPU = 1
  integer(c_int32_t), parameter :: PTK_DEVICE_CUDA = 2
  integer(c_int32_t), parameter :: PTK_DEVICE_CUDA_PINNED = 3

  ! enum ptk_log_level_code
  integer(c_int32_t), parameter :: PTK_LOG_ERROR = 1
  integer(c_int32_t), parameter :: PTK_LOG_WARN = 2
  integer(c_int32_t), parameter :: PTK_LOG_INFO = 3
  integer(c_int32_t), parameter :: PTK_LOG_DEBUG = 4

  ! enum ptk_generator_output_code
  integer(c_int32_t), parameter :: PTK_OUTPUT_REAL_IMAG = 1
  integer(c_int32_t), parameter :: PTK_OUTPUT_AMP_PHASE = 2
  integer(c_int32_t), parameter :: PTK_OUTPUT_AMP_PHASE_LOGITS = 3

  type, bind(C) :: ptk_view
    type(c_ptr) :: data = c_null_ptr
    integer(c_int32_t) :: dtype = 0
    integer(c_int32_t) :: ndim = 0
    integer(c_int32_t) :: device_type = 0
    integer(c_int32_t) :: device_id = 0
    integer(c_int64_t) :: shape(6) = 0
    integer(c_int64_t) :: strides(6) = 0
  end type ptk_view

  type, bind(C) :: ptk_progress
    integer(c_int64_t) :: struct_size = 0
    type(c_ptr) :: phase = c_null_ptr
    integer(c_int64_t) :: epoch = 0
    integer(c_int64_t) :: epochs = 0
    integer(c_int64_t) :: step = 0
    integer(c_int64_t) :: steps = 0
    real(c_double) :: loss = 0
    real(c_double) :: validation_loss = 0
    real(c_double) :: frames_per_second = 0
    real(c_double) :: seconds = 0
  end type ptk_progress

  type, bind(C) :: ptk_generator_problem
    integer(c_int64_t) :: struct_size = 0
    integer(c_int64_t) :: channels = 0
    integer(c_int64_t) :: side = 0
    type(c_ptr) :: options = c_null_ptr
    type(c_funptr) :: set_error_message = c_null_funptr
  end type ptk_generator_problem

  type, bind(C) :: ptk_generator_parameter
    integer(c_int64_t) :: struct_size = 0
    type(c_ptr) :: name = c_null_ptr
    integer(c_int64_t) :: ndim = 0
    integer(c_int64_t) :: shape(6) = 0
  end type ptk_generator_parameter

  type, bind(C) :: ptk_generator_table
    integer(c_int64_t) :: struct_size = 0
    integer(c_int32_t) :: abi = 0
    integer(c_int32_t) :: output = 0
    type(c_ptr) :: name = c_null_ptr
    type(c_ptr) :: summary = c_null_ptr
    type(c_ptr) :: source = c_null_ptr
    type(c_ptr) :: options = c_null_ptr
    type(c_ptr) :: user_data = c_null_ptr
    type(c_funptr) :: create = c_null_funptr
    type(c_funptr) :: destroy = c_null_funptr
    type(c_funptr) :: parameter_count = c_null_funptr
    type(c_funptr) :: parameter = c_null_funptr
    type(c_funptr) :: initialise = c_null_funptr
    type(c_funptr) :: forward = c_null_funptr
    type(c_funptr) :: vjp = c_null_funptr
    type(c_funptr) :: free_user_data = c_null_funptr
  end type ptk_generator_table

  type, bind(C) :: ptk_plugin
    integer(c_int64_t) :: struct_size = 0
    integer(c_int32_t) :: abi = 0
    integer(c_int32_t) :: generator_count = 0
    type(c_ptr) :: generators = c_null_ptr
  end type ptk_plugin

  abstract interface
    !> Receiver of log messages.
    subroutine ptk_log_fn(level, area, message, user_data) bind(C)
      import
      integer(c_int32_t), value :: level
      character(kind=c_char), intent(in), optional :: area(*)
      character(kind=c_char), intent(in), optional :: message(*)
      type(c_ptr), value :: user_data
    end subroutine ptk_log_fn

    !> Receiver of progress.
    function ptk_progress_fn(progress, user_data) result(answer) bind(C)
      import
      type(ptk_progress), intent(in), optional :: progress
      type(c_ptr), value :: user_data
      integer(c_int32_t) :: answer
    end function ptk_progress_fn

    !> The one symbol that a shared library exports:
    function ptk_plugin_entry_fn() result(answer) bind(C)
      import
      type(c_ptr) :: answer
    end function ptk_plugin_entry_fn

  end interface

  interface
    !> Version of the library that is loaded, not of the header.
    subroutine ptk_version(major_out, minor_out, patch_out) bind(C, name="ptk_version")
      import
      integer(c_int32_t), intent(inout), optional :: major_out
      integer(c_int32_t), intent(inout), optional :: minor_out
      integer(c_int32_t), intent(inout), optional :: patch_out
    end subroutine ptk_version

    !> What this library was built from and with.
    function ptk_build_info() result(answer) bind(C, name="ptk_build_info")
      import
      type(c_ptr) :: answer
    end function ptk_build_info

    !> Name of a status.
    function ptk_status_name(code) result(answer) bind(C, name="ptk_status_name")
      import
      integer(c_int), value :: code
      type(c_ptr) :: answer
    end function ptk_status_name

    !> Size of an element.
    function ptk_dtype_size(code) result(answer) bind(C, name="ptk_dtype_size")
      import
      integer(c_int), value :: code
      integer(c_size_t) :: answer
    end function ptk_dtype_size

    !> Status of the last call that failed on the calling thread.
    function ptk_last_error() result(answer) bind(C, name="ptk_last_error")
      import
      integer(c_int32_t) :: answer
    end function ptk_last_error

    !> Message of the last call that failed on the calling thread.
    function ptk_last_error_message() result(answer) bind(C, name="ptk_last_error_message")
      import
      type(c_ptr) :: answer
    end function ptk_last_error_message

    !> For callbacks that are about to return a failure:
    subroutine ptk_set_error_message(message) bind(C, name="ptk_set_error_message")
      import
      character(kind=c_char), intent(in), optional :: message(*)
    end subroutine ptk_set_error_message

    !> Fill a view of a C-contiguous array in host memory.
    function ptk_view_init(out, data, dtype, ndim, shape) result(answer) bind(C, name="ptk_view_init")
      import
      type(ptk_view), intent(inout), optional :: out
      type(c_ptr), value :: data
      integer(c_int32_t), value :: dtype
      integer(c_int32_t), value :: ndim
      integer(c_int64_t), intent(in), optional :: shape(*)
      integer(c_int32_t) :: answer
    end function ptk_view_init

    !> Fill a view of a DLPack tensor (version 1).
    function ptk_view_from_dlpack(out, tensor) result(answer) bind(C, name="ptk_view_from_dlpack")
      import
      type(ptk_view), intent(inout), optional :: out
      type(c_ptr), value :: tensor
      integer(c_int32_t) :: answer
    end function ptk_view_from_dlpack

    !> Create a context.
    function ptk_context_create(out, device, config) result(answer) bind(C, name="ptk_context_create")
      import
      type(c_ptr), intent(out) :: out
      character(kind=c_char), intent(in), optional :: device(*)
      type(c_ptr), value :: config
      integer(c_int32_t) :: answer
    end function ptk_context_create

    !> Release a context.
    subroutine ptk_context_free(ctx) bind(C, name="ptk_context_free")
      import
      type(c_ptr), value :: ctx
    end subroutine ptk_context_free

    !> Send log messages of everything that was or will be created from this context to a function.
    function ptk_context_set_log(ctx, level, fn, user_data) result(answer) bind(C, name="ptk_context_set_log")
      import
      type(c_ptr), value :: ctx
      integer(c_int32_t), value :: level
      type(c_funptr), value :: fn
      type(c_ptr), value :: user_data
      integer(c_int32_t) :: answer
    end function ptk_context_set_log

    !> Devices that can be used now.
    function ptk_context_devices(ctx, buf, capacity, needed_out) result(answer) bind(C, name="ptk_context_devices")
      import
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_context_devices

    !> What the context is:
    function ptk_context_describe(ctx, buf, capacity, needed_out) result(answer) bind(C, name="ptk_context_describe")
      import
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_context_describe

    !> Create an empty configuration:
    function ptk_config_create(out) result(answer) bind(C, name="ptk_config_create")
      import
      type(c_ptr), intent(out) :: out
      integer(c_int32_t) :: answer
    end function ptk_config_create

    !> Read a configuration from JSON text:
    function ptk_config_from_json(out, json) result(answer) bind(C, name="ptk_config_from_json")
      import
      type(c_ptr), intent(out) :: out
      character(kind=c_char), intent(in), optional :: json(*)
      integer(c_int32_t) :: answer
    end function ptk_config_from_json

    !> Read a configuration from YAML text.
    function ptk_config_from_yaml(out, yaml) result(answer) bind(C, name="ptk_config_from_yaml")
      import
      type(c_ptr), intent(out) :: out
      character(kind=c_char), intent(in), optional :: yaml(*)
      integer(c_int32_t) :: answer
    end function ptk_config_from_yaml

    !> Read a configuration file.
    function ptk_config_load(out, path) result(answer) bind(C, name="ptk_config_load")
      import
      type(c_ptr), intent(out) :: out
      character(kind=c_char), intent(in), optional :: path(*)
      integer(c_int32_t) :: answer
    end function ptk_config_load

    !> Release a configuration.
    subroutine ptk_config_free(config) bind(C, name="ptk_config_free")
      import
      type(c_ptr), value :: config
    end subroutine ptk_config_free

    !> Set a whole number.
    function ptk_config_set_int(config, key, value) result(answer) bind(C, name="ptk_config_set_int")
      import
      type(c_ptr), value :: config
      character(kind=c_char), intent(in), optional :: key(*)
      integer(c_int64_t), value :: value
      integer(c_int32_t) :: answer
    end function ptk_config_set_int

    !> Set a number.
    function ptk_config_set_float(config, key, value) result(answer) bind(C, name="ptk_config_set_float")
      import
      type(c_ptr), value :: config
      character(kind=c_char), intent(in), optional :: key(*)
      real(c_double), value :: value
      integer(c_int32_t) :: answer
    end function ptk_config_set_float

    !> Set a switch.
    function ptk_config_set_bool(config, key, value) result(answer) bind(C, name="ptk_config_set_bool")
      import
      type(c_ptr), value :: config
      character(kind=c_char), intent(in), optional :: key(*)
      integer(c_int32_t), value :: value
      integer(c_int32_t) :: answer
    end function ptk_config_set_bool

    !> Set a text.
    function ptk_config_set_string(config, key, value) result(answer) bind(C, name="ptk_config_set_string")
      import
      type(c_ptr), value :: config
      character(kind=c_char), intent(in), optional :: key(*)
      character(kind=c_char), intent(in), optional :: value(*)
      integer(c_int32_t) :: answer
    end function ptk_config_set_string

    !> Set a pair of numbers, e.g.
    function ptk_config_set_pair(config, key, first, second) result(answer) bind(C, name="ptk_config_set_pair")
      import
      type(c_ptr), value :: config
      character(kind=c_char), intent(in), optional :: key(*)
      real(c_double), value :: first
      real(c_double), value :: second
      integer(c_int32_t) :: answer
    end function ptk_config_set_pair

    !> Set a value from text, read as the option's type:
    function ptk_config_set_text(config, key, value) result(answer) bind(C, name="ptk_config_set_text")
      import
      type(c_ptr), value :: config
      character(kind=c_char), intent(in), optional :: key(*)
      character(kind=c_char), intent(in), optional :: value(*)
      integer(c_int32_t) :: answer
    end function ptk_config_set_text

    !> Take over the values of another configuration; they win.
    function ptk_config_merge(config, other) result(answer) bind(C, name="ptk_config_merge")
      import
      type(c_ptr), value :: config
      type(c_ptr), value :: other
      integer(c_int32_t) :: answer
    end function ptk_config_merge

    !> Check a configuration now instead of when it is used.
    function ptk_config_check(ctx, config, subject) result(answer) bind(C, name="ptk_config_check")
      import
      type(c_ptr), value :: ctx
      type(c_ptr), value :: config
      character(kind=c_char), intent(in), optional :: subject(*)
      integer(c_int32_t) :: answer
    end function ptk_config_check

    !> Effective values, defaults included.
    function ptk_config_to_json(ctx, config, subject, buf, capacity, needed_out) result(answer) bind(C, &
        name="ptk_config_to_json")
      import
      type(c_ptr), value :: ctx
      type(c_ptr), value :: config
      character(kind=c_char), intent(in), optional :: subject(*)
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_config_to_json

    !> The options that exist.
    function ptk_config_schema(ctx, subject, buf, capacity, needed_out) result(answer) bind(C, name="ptk_config_schema")
      import
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in), optional :: subject(*)
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_config_schema

    !> Create a cancel flag, lowered.
    function ptk_cancel_create(out) result(answer) bind(C, name="ptk_cancel_create")
      import
      type(c_ptr), intent(out) :: out
      integer(c_int32_t) :: answer
    end function ptk_cancel_create

    !> Raise the flag:
    subroutine ptk_cancel_request(cancel) bind(C, name="ptk_cancel_request")
      import
      type(c_ptr), value :: cancel
    end subroutine ptk_cancel_request

    !> Lower the flag, to use it again.
    subroutine ptk_cancel_reset(cancel) bind(C, name="ptk_cancel_reset")
      import
      type(c_ptr), value :: cancel
    end subroutine ptk_cancel_reset

    !> Release a cancel flag.
    subroutine ptk_cancel_free(cancel) bind(C, name="ptk_cancel_free")
      import
      type(c_ptr), value :: cancel
    end subroutine ptk_cancel_free

    !> What is in a file, without reading its arrays:
    function ptk_file_describe(ctx, path, config, buf, capacity, needed_out) result(answer) bind(C, name="ptk_file_describe")
      import
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in), optional :: path(*)
      type(c_ptr), value :: config
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_file_describe

    !> Open a scan, told apart by content:
    function ptk_dataset_open(out, ctx, path, config) result(answer) bind(C, name="ptk_dataset_open")
      import
      type(c_ptr), intent(out) :: out
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in), optional :: path(*)
      type(c_ptr), value :: config
      integer(c_int32_t) :: answer
    end function ptk_dataset_open

    !> Make a dataset of arrays, which are copied.
    function ptk_dataset_from_arrays(out, ctx, patterns, positions, probe, object, config) result(answer) bind(C, &
        name="ptk_dataset_from_arrays")
      import
      type(c_ptr), intent(out) :: out
      type(c_ptr), value :: ctx
      type(ptk_view), intent(in), optional :: patterns
      type(ptk_view), intent(in), optional :: positions
      type(ptk_view), intent(in), optional :: probe
      type(ptk_view), intent(in), optional :: object
      type(c_ptr), value :: config
      integer(c_int32_t) :: answer
    end function ptk_dataset_from_arrays

    !> Simulate an experiment after the simulation.* options and the seed:
    function ptk_simulate(out, ctx, config, cancel, progress, user_data) result(answer) bind(C, name="ptk_simulate")
      import
      type(c_ptr), intent(out) :: out
      type(c_ptr), value :: ctx
      type(c_ptr), value :: config
      type(c_ptr), value :: cancel
      type(c_funptr), value :: progress
      type(c_ptr), value :: user_data
      integer(c_int32_t) :: answer
    end function ptk_simulate

    !> Write a dataset to a file, from which ptk_dataset_open() reads the same patterns, positions, probe, object and bad pixels.
    function ptk_dataset_save(dataset, path, format) result(answer) bind(C, name="ptk_dataset_save")
      import
      type(c_ptr), value :: dataset
      character(kind=c_char), intent(in), optional :: path(*)
      character(kind=c_char), intent(in), optional :: format(*)
      integer(c_int32_t) :: answer
    end function ptk_dataset_save

    !> The part of a dataset whose scan points lie inside fractions of the range of the positions, e.g.
    function ptk_dataset_select(out, dataset, x_low, x_high, y_low, y_high) result(answer) bind(C, name="ptk_dataset_select")
      import
      type(c_ptr), intent(out) :: out
      type(c_ptr), value :: dataset
      real(c_double), value :: x_low
      real(c_double), value :: x_high
      real(c_double), value :: y_low
      real(c_double), value :: y_high
      integer(c_int32_t) :: answer
    end function ptk_dataset_select

    !> Release a dataset.
    subroutine ptk_dataset_free(dataset) bind(C, name="ptk_dataset_free")
      import
      type(c_ptr), value :: dataset
    end subroutine ptk_dataset_free

    !> Number of frames, n.
    function ptk_dataset_size(dataset) result(answer) bind(C, name="ptk_dataset_size")
      import
      type(c_ptr), value :: dataset
      integer(c_int64_t) :: answer
    end function ptk_dataset_size

    !> Side of a frame, N.
    function ptk_dataset_side(dataset) result(answer) bind(C, name="ptk_dataset_side")
      import
      type(c_ptr), value :: dataset
      integer(c_int64_t) :: answer
    end function ptk_dataset_side

    !> Source, size, what the frames hold, lengths of the experiment, range of the positions, what the reader decided, arrays.
    function ptk_dataset_describe(dataset, buf, capacity, needed_out) result(answer) bind(C, name="ptk_dataset_describe")
      import
      type(c_ptr), value :: dataset
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_dataset_describe

    !> Shape of an array:
    function ptk_dataset_shape(dataset, name, shape_out, capacity, ndim_out) result(answer) bind(C, name="ptk_dataset_shape")
      import
      type(c_ptr), value :: dataset
      character(kind=c_char), intent(in), optional :: name(*)
      integer(c_int64_t), intent(inout), optional :: shape_out(*)
      integer(c_int32_t), value :: capacity
      integer(c_int32_t), intent(inout), optional :: ndim_out
      integer(c_int32_t) :: answer
    end function ptk_dataset_shape

    !> Copy an array out, converted to the element type of the view (real to real, complex to complex).
    function ptk_dataset_read(dataset, name, array_out) result(answer) bind(C, name="ptk_dataset_read")
      import
      type(c_ptr), value :: dataset
      character(kind=c_char), intent(in), optional :: name(*)
      type(ptk_view), intent(inout), optional :: array_out
      integer(c_int32_t) :: answer
    end function ptk_dataset_read

    !> Copy some patterns out, from frame
    function ptk_dataset_read_patterns(dataset, first, patterns_out) result(answer) bind(C, name="ptk_dataset_read_patterns")
      import
      type(c_ptr), value :: dataset
      integer(c_int64_t), value :: first
      type(ptk_view), intent(inout), optional :: patterns_out
      integer(c_int32_t) :: answer
    end function ptk_dataset_read_patterns

    !> The generators (networks) that this context knows.
    function ptk_generator_list(ctx, buf, capacity, needed_out) result(answer) bind(C, name="ptk_generator_list")
      import
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_generator_list

    !> One generator with its options and what it costs with their defaults.
    function ptk_generator_describe(ctx, name, buf, capacity, needed_out) result(answer) bind(C, name="ptk_generator_describe")
      import
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in), optional :: name(*)
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_generator_describe

    !> The ways to draw a generator's first weights, for the option generator.initializer.
    function ptk_initializer_list(ctx, buf, capacity, needed_out) result(answer) bind(C, name="ptk_initializer_list")
      import
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_initializer_list

    !> What is registered under a category:
    function ptk_registry_list(ctx, category, buf, capacity, needed_out) result(answer) bind(C, name="ptk_registry_list")
      import
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in), optional :: category(*)
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_registry_list

    !> One of them with the options that it reads.
    function ptk_registry_describe(ctx, category, name, buf, capacity, needed_out) result(answer) bind(C, &
        name="ptk_registry_describe")
      import
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in), optional :: category(*)
      character(kind=c_char), intent(in), optional :: name(*)
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_registry_describe

    !> Create a model with fresh weights, drawn from the seed.
    function ptk_model_create(out, ctx, side, config) result(answer) bind(C, name="ptk_model_create")
      import
      type(c_ptr), intent(out) :: out
      type(c_ptr), value :: ctx
      integer(c_int64_t), value :: side
      type(c_ptr), value :: config
      integer(c_int32_t) :: answer
    end function ptk_model_create

    !> Load a model from a bundle (one HDF5 file; data only, nothing in it is executed).
    function ptk_model_load(out, ctx, path) result(answer) bind(C, name="ptk_model_load")
      import
      type(c_ptr), intent(out) :: out
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in), optional :: path(*)
      integer(c_int32_t) :: answer
    end function ptk_model_load

    !> Save a model as a bundle.
    function ptk_model_save(model, path) result(answer) bind(C, name="ptk_model_save")
      import
      type(c_ptr), value :: model
      character(kind=c_char), intent(in), optional :: path(*)
      integer(c_int32_t) :: answer
    end function ptk_model_save

    !> Make a model of weights from Python:
    function ptk_model_import(out, ctx, path, side, config) result(answer) bind(C, name="ptk_model_import")
      import
      type(c_ptr), intent(out) :: out
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in), optional :: path(*)
      integer(c_int64_t), value :: side
      type(c_ptr), value :: config
      integer(c_int32_t) :: answer
    end function ptk_model_import

    !> Write the weights of a model, parameters and buffers by the names of the reference's state dict, for Python.
    function ptk_model_export(model, path) result(answer) bind(C, name="ptk_model_export")
      import
      type(c_ptr), value :: model
      character(kind=c_char), intent(in), optional :: path(*)
      integer(c_int32_t) :: answer
    end function ptk_model_export

    !> Release a model.
    subroutine ptk_model_free(model) bind(C, name="ptk_model_free")
      import
      type(c_ptr), value :: model
    end subroutine ptk_model_free

    !> Number of trainable numbers in the network (a complex one counts once).
    function ptk_model_parameter_count(model) result(answer) bind(C, name="ptk_model_parameter_count")
      import
      type(c_ptr), value :: model
      integer(c_int64_t) :: answer
    end function ptk_model_parameter_count

    !> Side N of the frames that the model takes.
    function ptk_model_side(model) result(answer) bind(C, name="ptk_model_side")
      import
      type(c_ptr), value :: model
      integer(c_int64_t) :: answer
    end function ptk_model_side

    !> Generator, N, group size, number of parameters, settings, probe, statistics, the experiments when it was trained on several
    !! together, history, where it comes from.
    function ptk_model_describe(model, buf, capacity, needed_out) result(answer) bind(C, name="ptk_model_describe")
      import
      type(c_ptr), value :: model
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_model_describe

    !> The course of its training.
    function ptk_model_history(model, buf, capacity, needed_out) result(answer) bind(C, name="ptk_model_history")
      import
      type(c_ptr), value :: model
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_model_history

    !> The arrays that ptk_model_shape() and ptk_model_read() know:
    function ptk_model_arrays(model, buf, capacity, needed_out) result(answer) bind(C, name="ptk_model_arrays")
      import
      type(c_ptr), value :: model
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_model_arrays

    !> Shape of an array.
    function ptk_model_shape(model, name, shape_out, capacity, ndim_out) result(answer) bind(C, name="ptk_model_shape")
      import
      type(c_ptr), value :: model
      character(kind=c_char), intent(in), optional :: name(*)
      integer(c_int64_t), intent(inout), optional :: shape_out(*)
      integer(c_int32_t), value :: capacity
      integer(c_int32_t), intent(inout), optional :: ndim_out
      integer(c_int32_t) :: answer
    end function ptk_model_shape

    !> Copy an array out, converted to the element type of the view (real to real, complex to complex).
    function ptk_model_read(model, name, array_out) result(answer) bind(C, name="ptk_model_read")
      import
      type(c_ptr), value :: model
      character(kind=c_char), intent(in), optional :: name(*)
      type(ptk_view), intent(inout), optional :: array_out
      integer(c_int32_t) :: answer
    end function ptk_model_read

    !> Give the model a probe, in place of the one that its training scan had or made.
    function ptk_model_set_probe(model, probe) result(answer) bind(C, name="ptk_model_set_probe")
      import
      type(c_ptr), value :: model
      type(ptk_view), intent(in), optional :: probe
      integer(c_int32_t) :: answer
    end function ptk_model_set_probe

    !> Draw something of a model as an 8-bit PNG.
    function ptk_model_write_picture(model, picture, path) result(answer) bind(C, name="ptk_model_write_picture")
      import
      type(c_ptr), value :: model
      character(kind=c_char), intent(in), optional :: picture(*)
      character(kind=c_char), intent(in), optional :: path(*)
      integer(c_int32_t) :: answer
    end function ptk_model_write_picture

    !> Add a generator made of C functions to a context.
    function ptk_generator_register(ctx, table) result(answer) bind(C, name="ptk_generator_register")
      import
      type(c_ptr), value :: ctx
      type(ptk_generator_table), intent(in), optional :: table
      integer(c_int32_t) :: answer
    end function ptk_generator_register

    !> Load a plug-in, whose code is executed.
    function ptk_plugin_load(ctx, path) result(answer) bind(C, name="ptk_plugin_load")
      import
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in), optional :: path(*)
      integer(c_int32_t) :: answer
    end function ptk_plugin_load

    !> Create a trainer.
    function ptk_trainer_create(out, model, config, run_folder) result(answer) bind(C, name="ptk_trainer_create")
      import
      type(c_ptr), intent(out) :: out
      type(c_ptr), value :: model
      type(c_ptr), value :: config
      character(kind=c_char), intent(in), optional :: run_folder(*)
      integer(c_int32_t) :: answer
    end function ptk_trainer_create

    !> Release a trainer.
    subroutine ptk_trainer_free(trainer) bind(C, name="ptk_trainer_free")
      import
      type(c_ptr), value :: trainer
    end subroutine ptk_trainer_free

    !> Train.
    function ptk_trainer_fit(trainer, dataset, cancel, progress, user_data) result(answer) bind(C, name="ptk_trainer_fit")
      import
      type(c_ptr), value :: trainer
      type(c_ptr), value :: dataset
      type(c_ptr), value :: cancel
      type(c_funptr), value :: progress
      type(c_ptr), value :: user_data
      integer(c_int32_t) :: answer
    end function ptk_trainer_fit

    !> Continue an interrupted training:
    function ptk_trainer_resume(trainer, path) result(answer) bind(C, name="ptk_trainer_resume")
      import
      type(c_ptr), value :: trainer
      character(kind=c_char), intent(in), optional :: path(*)
      integer(c_int32_t) :: answer
    end function ptk_trainer_resume

    !> Create a reconstructor.
    function ptk_reconstructor_create(out, ctx, model, config) result(answer) bind(C, name="ptk_reconstructor_create")
      import
      type(c_ptr), intent(out) :: out
      type(c_ptr), value :: ctx
      type(c_ptr), value :: model
      type(c_ptr), value :: config
      integer(c_int32_t) :: answer
    end function ptk_reconstructor_create

    !> Release a reconstructor.
    subroutine ptk_reconstructor_free(reconstructor) bind(C, name="ptk_reconstructor_free")
      import
      type(c_ptr), value :: reconstructor
    end subroutine ptk_reconstructor_free

    !> Patches of single frames, without stitching.
    function ptk_reconstructor_predict(reconstructor, patterns, positions, patches_out) result(answer) bind(C, &
        name="ptk_reconstructor_predict")
      import
      type(c_ptr), value :: reconstructor
      type(ptk_view), intent(in), optional :: patterns
      type(ptk_view), intent(in), optional :: positions
      type(ptk_view), intent(inout), optional :: patches_out
      integer(c_int32_t) :: answer
    end function ptk_reconstructor_predict

    !> Reconstruct a scan with the model:
    function ptk_reconstructor_reconstruct(out, reconstructor, dataset, cancel, progress, user_data) result(answer) bind(C, &
        name="ptk_reconstructor_reconstruct")
      import
      type(c_ptr), intent(out) :: out
      type(c_ptr), value :: reconstructor
      type(c_ptr), value :: dataset
      type(c_ptr), value :: cancel
      type(c_funptr), value :: progress
      type(c_ptr), value :: user_data
      integer(c_int32_t) :: answer
    end function ptk_reconstructor_reconstruct

    !> Iterate object and probe on the frames (rPIE or ePIE; the refinement.* options), from a picture or from a flat object.
    function ptk_reconstructor_refine(out, reconstructor, dataset, start, cancel, progress, user_data) result(answer) bind(C, &
        name="ptk_reconstructor_refine")
      import
      type(c_ptr), intent(out) :: out
      type(c_ptr), value :: reconstructor
      type(c_ptr), value :: dataset
      type(c_ptr), value :: start
      type(c_ptr), value :: cancel
      type(c_funptr), value :: progress
      type(c_ptr), value :: user_data
      integer(c_int32_t) :: answer
    end function ptk_reconstructor_refine

    !> Intensities that patches of an object would give:
    function ptk_forward(ctx, patches, probe, intensity_out) result(answer) bind(C, name="ptk_forward")
      import
      type(c_ptr), value :: ctx
      type(ptk_view), intent(in), optional :: patches
      type(ptk_view), intent(in), optional :: probe
      type(ptk_view), intent(inout), optional :: intensity_out
      integer(c_int32_t) :: answer
    end function ptk_forward

    !> An empty canvas of a given frame, to which patches are added.
    function ptk_canvas_create(out, ctx, height, width, origin_x, origin_y, config) result(answer) bind(C, &
        name="ptk_canvas_create")
      import
      type(c_ptr), intent(out) :: out
      type(c_ptr), value :: ctx
      integer(c_int64_t), value :: height
      integer(c_int64_t), value :: width
      integer(c_int64_t), value :: origin_x
      integer(c_int64_t), value :: origin_y
      type(c_ptr), value :: config
      integer(c_int32_t) :: answer
    end function ptk_canvas_create

    !> An empty canvas that holds all patches at given positions.
    function ptk_canvas_create_around(out, ctx, positions, side, config) result(answer) bind(C, name="ptk_canvas_create_around")
      import
      type(c_ptr), intent(out) :: out
      type(c_ptr), value :: ctx
      type(ptk_view), intent(in), optional :: positions
      integer(c_int64_t), value :: side
      type(c_ptr), value :: config
      integer(c_int32_t) :: answer
    end function ptk_canvas_create_around

    !> Add patches at sub-pixel positions as weighted sums.
    function ptk_canvas_add(canvas, patches, positions, weights) result(answer) bind(C, name="ptk_canvas_add")
      import
      type(c_ptr), value :: canvas
      type(ptk_view), intent(in), optional :: patches
      type(ptk_view), intent(in), optional :: positions
      type(ptk_view), intent(in), optional :: weights
      integer(c_int32_t) :: answer
    end function ptk_canvas_add

    !> Load a canvas.
    function ptk_canvas_load(out, ctx, path) result(answer) bind(C, name="ptk_canvas_load")
      import
      type(c_ptr), intent(out) :: out
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in), optional :: path(*)
      integer(c_int32_t) :: answer
    end function ptk_canvas_load

    !> Save a canvas as one HDF5 file:
    function ptk_canvas_save(canvas, path) result(answer) bind(C, name="ptk_canvas_save")
      import
      type(c_ptr), value :: canvas
      character(kind=c_char), intent(in), optional :: path(*)
      integer(c_int32_t) :: answer
    end function ptk_canvas_save

    !> Release a canvas.
    subroutine ptk_canvas_free(canvas) bind(C, name="ptk_canvas_free")
      import
      type(c_ptr), value :: canvas
    end subroutine ptk_canvas_free

    !> Size, origin, pixel size, patches left out, error curves, arrays.
    function ptk_canvas_describe(canvas, buf, capacity, needed_out) result(answer) bind(C, name="ptk_canvas_describe")
      import
      type(c_ptr), value :: canvas
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_canvas_describe

    !> Shape of an array:
    function ptk_canvas_shape(canvas, name, shape_out, capacity, ndim_out) result(answer) bind(C, name="ptk_canvas_shape")
      import
      type(c_ptr), value :: canvas
      character(kind=c_char), intent(in), optional :: name(*)
      integer(c_int64_t), intent(inout), optional :: shape_out(*)
      integer(c_int32_t), value :: capacity
      integer(c_int32_t), intent(inout), optional :: ndim_out
      integer(c_int32_t) :: answer
    end function ptk_canvas_shape

    !> Copy an array out, converted to the element type of the view (real to real, complex to complex).
    function ptk_canvas_read(canvas, name, array_out) result(answer) bind(C, name="ptk_canvas_read")
      import
      type(c_ptr), value :: canvas
      character(kind=c_char), intent(in), optional :: name(*)
      type(ptk_view), intent(inout), optional :: array_out
      integer(c_int32_t) :: answer
    end function ptk_canvas_read

    !> Draw something of a canvas as an 8-bit PNG.
    function ptk_canvas_write_picture(canvas, picture, path) result(answer) bind(C, name="ptk_canvas_write_picture")
      import
      type(c_ptr), value :: canvas
      character(kind=c_char), intent(in), optional :: picture(*)
      character(kind=c_char), intent(in), optional :: path(*)
      integer(c_int32_t) :: answer
    end function ptk_canvas_write_picture

    !> Compare an object with a known one.
    function ptk_evaluate(canvas, reference, config, buf, capacity, needed_out) result(answer) bind(C, name="ptk_evaluate")
      import
      type(c_ptr), value :: canvas
      type(ptk_view), intent(in), optional :: reference
      type(c_ptr), value :: config
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_evaluate

    !> ptk_evaluate() with the reference from a file.
    function ptk_evaluate_file(canvas, path, config, buf, capacity, needed_out) result(answer) bind(C, name="ptk_evaluate_file")
      import
      type(c_ptr), value :: canvas
      character(kind=c_char), intent(in), optional :: path(*)
      type(c_ptr), value :: config
      character(kind=c_char), intent(inout), optional :: buf(*)
      integer(c_size_t), value :: capacity
      integer(c_size_t), intent(inout), optional :: needed_out
      integer(c_int32_t) :: answer
    end function ptk_evaluate_file

    !> Relative Fourier error of object and probe against the measured frames:
    function ptk_fourier_error(error_out, canvas, dataset, cancel, progress, user_data) result(answer) bind(C, &
        name="ptk_fourier_error")
      import
      real(c_double), intent(inout), optional :: error_out
      type(c_ptr), value :: canvas
      type(c_ptr), value :: dataset
      type(c_ptr), value :: cancel
      type(c_funptr), value :: progress
      type(c_ptr), value :: user_data
      integer(c_int32_t) :: answer
    end function ptk_fourier_error
  end interface
end module ptychokit_c
