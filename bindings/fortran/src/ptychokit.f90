!> PtychoKit for Fortran: neural ptychography, from diffraction frames to the complex object.
!!
!! * Arrays are those of C with reversed shape and the same memory: what the C documentation calls [n, H, W] is array(W, H, n)
!!   here. So frames(x, y, n), probe(x, y, mode), object(x, y), and positions(2, n) with positions(:, i) = [x, y]. Nothing is
!!   copied or transposed: ptk_array() describes a contiguous array, which should be a TARGET.
!! * What can fail takes the optional `ierr` (PTK_OK or a PTK_ERR_ constant) and `message`, which are STAT and ERRMSG of ALLOCATE:
!!   without `ierr` a failure stops the program; `message` is set by failures only, padded or cut to its length.
!! * Objects release themselves when they go out of scope; close() does it earlier. An assignment shares the object. Variables
!!   of the main program never go out of scope: do the work in a BLOCK or a procedure, or call close().
!! * Long calls take a listener: extend ptk_listener; its on_progress runs on the calling thread and cancels by returning
!!   .false.
!! * A generator of your own extends ptk_network.
module ptychokit
  use, intrinsic :: iso_fortran_env, only: error_unit
  use ptychokit_c
  implicit none
  public

  !> A shared reference to something of the library; the last one releases it.
  type :: ptk_handle
    private
    type(c_ptr) :: pointer = c_null_ptr
    integer, pointer :: owners => null()
    procedure(ptk_release), pointer, nopass :: free => null()
  contains
    procedure :: close => handle_close
    procedure :: is_open => handle_is_open
    procedure, private :: handle_assign
    generic :: assignment(=) => handle_assign
    final :: handle_final
  end type ptk_handle

  abstract interface
    subroutine ptk_release(handle) bind(C)
      import :: c_ptr
      type(c_ptr), value :: handle
    end subroutine ptk_release
  end interface

  !> Option values by dotted name, e.g. call config%set("training.epochs", 3). Empty at first: all defaults.
  type, extends(ptk_handle) :: ptk_config
  contains
    procedure :: from_json => config_from_json
    procedure :: from_yaml => config_from_yaml
    procedure :: load => config_load
    procedure :: merge => config_merge
    procedure :: check => config_check
    procedure :: to_json => config_to_json
    procedure :: set_text => config_set_text
    procedure, private :: config_make
    procedure, private :: config_set_int, config_set_long, config_set_single, config_set_double, config_set_logical, &
      config_set_string, config_set_pair
    generic :: set => config_set_int, config_set_long, config_set_single, config_set_double, config_set_logical, &
      config_set_string, config_set_pair
  end type ptk_config

  !> A flag that stops long calls; request() may be called from any thread.
  type, extends(ptk_handle) :: ptk_cancel
  contains
    procedure :: create => cancel_create
    procedure :: request => cancel_request
    procedure :: reset => cancel_reset
  end type ptk_cancel

  !> Device, log, generators, and the general settings of what is made from it.
  type, extends(ptk_handle) :: ptk_context
  contains
    procedure :: create => context_create
    procedure :: set_log => context_set_log
    procedure :: devices => context_devices
    procedure :: describe => context_describe
    procedure :: generators => context_generators
    procedure :: describe_generator => context_describe_generator
    procedure :: load_plugin => context_load_plugin
    procedure :: register => context_register
    procedure :: initializers => context_initializers
    procedure :: registered => context_registered
    procedure :: describe_registered => context_describe_registered
    procedure :: schema => context_schema
    procedure :: describe_file => context_describe_file
    procedure :: forward => context_forward
  end type ptk_context

  !> Something that has arrays by name. get() allocates, read() fills a view.
  type, extends(ptk_handle), abstract :: ptk_source
  contains
    procedure :: shape_of => source_shape
    procedure :: read => source_read
    procedure, private :: get_c64_2, get_c64_3, get_f32_2, get_f32_3, get_f64_1, get_f64_2
    generic :: get => get_c64_2, get_c64_3, get_f32_2, get_f32_3, get_f64_1, get_f64_2
  end type ptk_source

  !> One scan: "patterns" (N, N, n), "positions" (2, n), "probe" (N, N, modes), "object" (W, H), "bad_pixels" (N, N), 1 for one
  !> that says nothing.
  type, extends(ptk_source) :: ptk_dataset
  contains
    procedure :: open => dataset_open
    procedure :: from_arrays => dataset_from_arrays
    procedure :: simulate => dataset_simulate
    procedure :: save => dataset_save
    procedure :: select => dataset_select
    procedure :: size => dataset_size
    procedure :: side => dataset_side
    procedure :: describe => dataset_describe
    procedure :: read_patterns => dataset_read_patterns
  end type ptk_dataset

  !> A network with weights, settings, probe and history.
  type, extends(ptk_source) :: ptk_model
  contains
    procedure :: create => model_create
    procedure :: load => model_load
    procedure :: save => model_save
    procedure :: import => model_import
    procedure :: export => model_export
    procedure :: parameter_count => model_parameter_count
    procedure :: side => model_side
    procedure :: describe => model_describe
    procedure :: history => model_history
    procedure :: arrays => model_arrays
    procedure :: set_probe => model_set_probe
    procedure :: write_picture => model_write_picture
  end type ptk_model

  !> Trains one model.
  type, extends(ptk_handle) :: ptk_trainer
  contains
    procedure :: create => trainer_create
    procedure :: fit => trainer_fit
    procedure :: resume => trainer_resume
  end type ptk_trainer

  !> Reconstructs objects, with a model or by iteration alone.
  type, extends(ptk_handle) :: ptk_reconstructor
  contains
    procedure :: create => reconstructor_create
    procedure :: predict => reconstructor_predict
    procedure :: reconstruct => reconstructor_reconstruct
    procedure :: refine => reconstructor_refine
  end type ptk_reconstructor

  !> An object: "object" (W, H), "coverage" (W, H), "probe" (N, N, modes), "positions" (2, n), "fourier_errors" (epochs).
  type, extends(ptk_source) :: ptk_canvas
  contains
    procedure :: create => canvas_create
    procedure :: create_around => canvas_create_around
    procedure :: add => canvas_add
    procedure :: load => canvas_load
    procedure :: save => canvas_save
    procedure :: describe => canvas_describe
    procedure :: write_picture => canvas_write_picture
    procedure :: evaluate => canvas_evaluate
    procedure :: evaluate_file => canvas_evaluate_file
    procedure :: fourier_error => canvas_fourier_error
  end type ptk_canvas

  !> Receives the progress of long calls.
  type, abstract :: ptk_listener
  contains
    procedure(listener_progress), deferred :: on_progress
  end type ptk_listener

  !> Receives log messages, one at a time.
  type, abstract :: ptk_log_listener
  contains
    procedure(listener_message), deferred :: on_message
  end type ptk_log_listener

  !> The weights of a network, one array a parameter, in C's order; values(1:n, 1:m) => w%values gives them their shape back.
  type :: ptk_weights
    real(c_float), pointer, contiguous :: values(:) => null()
  end type ptk_weights

  ! A parameter as C describes it; its name ends with a NUL and stays where it is.
  type, private :: declared_parameter
    character(kind=c_char), pointer :: name(:) => null()
    integer(c_int64_t), allocatable :: extents(:)
  end type declared_parameter

  !> A generator in Fortran: extend it and give one, with its texts set, to context%register(). A copy is made for every model.
  !! The library trains and stores its parameters. Its procedures are called one at a time, on the thread of the call that needs
  !! them; arrays are there during the call only. After fail() that call ends with PTK_ERR_CALLBACK and the message.
  type, abstract :: ptk_network
    character(len=:), allocatable :: summary, source          !< one line; paper or program
    character(len=:), allocatable :: schema                   !< JSON array of its options as context%schema() gives them
    integer(c_int32_t) :: output = PTK_OUTPUT_REAL_IMAG       !< what its two images are: a PTK_OUTPUT_ constant
    logical :: trains = .true.                                !< .false.: there is no vjp, it only predicts
    integer(c_int64_t) :: channels = 0, side = 0              !< C and N of the frames, from setup() on
    character(len=:), allocatable :: options                  !< JSON object of the values of its options, from setup() on
    type(declared_parameter), allocatable, private :: declared(:)
    character(len=:), allocatable, private :: failure
    integer(c_int32_t), private :: failure_status = PTK_OK
  contains
    procedure(network_setup), deferred :: setup
    procedure(network_initialise), deferred :: initialise
    procedure(network_forward), deferred :: forward
    procedure :: vjp => network_vjp
    procedure :: add_parameter => network_add_parameter
    procedure :: fail => network_fail
  end type ptk_network

  abstract interface
    !> Look at channels, side and options; call add_parameter() for every array of weights.
    subroutine network_setup(this)
      import :: ptk_network
      class(ptk_network), intent(inout) :: this
    end subroutine network_setup
    !> First values of a parameter, counted from 1; the same for the same seed, which is 64 bits, unsigned in C.
    subroutine network_initialise(this, index, seed, values)
      import :: ptk_network, c_int64_t, c_float
      class(ptk_network), intent(inout) :: this
      integer, intent(in) :: index
      integer(c_int64_t), intent(in) :: seed
      real(c_float), intent(out) :: values(:)
    end subroutine network_initialise
    !> images(N, N, C, 2, batch) of amplitudes(N, N, C, batch), which are square roots of counts scaled to order one.
    subroutine network_forward(this, weights, amplitudes, images)
      import :: ptk_network, ptk_weights, c_float
      class(ptk_network), intent(inout) :: this
      type(ptk_weights), intent(in) :: weights(:)
      real(c_float), intent(in) :: amplitudes(:, :, :, :)
      real(c_float), intent(out) :: images(:, :, :, :, :)
    end subroutine network_forward
  end interface

  ! What C has pointers to: a registered network, and one that was made for a model.
  type, private :: network_box
    class(ptk_network), allocatable :: network
  end type network_box

  abstract interface
    function listener_progress(this, progress) result(go_on)
      import :: ptk_listener, ptk_progress
      class(ptk_listener), intent(inout) :: this
      type(ptk_progress), intent(in) :: progress
      logical :: go_on
    end function listener_progress
    subroutine listener_message(this, level, area, message)
      import :: ptk_log_listener
      class(ptk_log_listener), intent(inout) :: this
      integer, intent(in) :: level
      character(len=*), intent(in) :: area, message
    end subroutine listener_message
  end interface

  !> View of a contiguous array of any rank up to 6. Fortran has no unsigned integers: `unsigned` says that the bits are such.
  interface ptk_array
    procedure array_i8, array_i16, array_i32, array_i64, array_f32, array_f64, array_c64, array_c128, array_bool
  end interface ptk_array

  ! A listener, which may be absent, as C wants it: a function and a pointer.
  type, private :: listener_box
    class(ptk_listener), pointer :: listener => null()
    type(c_funptr) :: callback = c_null_funptr
  end type listener_box
  type, private :: log_box
    class(ptk_log_listener), pointer :: listener => null()
  end type log_box

  ! The buffer of a text. `do while (room%asks())` makes the call once, and again when the buffer was too small.
  type, private :: text_room
    character(kind=c_char), allocatable :: bytes(:)
    integer(c_size_t) :: size = 0, needed = 16384
    integer(c_int32_t) :: status = PTK_ERR_BUFFER_TOO_SMALL
  contains
    procedure :: asks => text_room_asks
    procedure :: text => text_room_text
  end type text_room

  ! What belongs to a type is called through it.
  private :: source_shape, source_read, listener_progress, listener_message, handle_close, handle_final, handle_is_open, &
    handle_assign, owned, address, reported, c_text, f_text, as_text, text_room_asks, text_room_text, watch, &
    progress_trampoline, log_trampoline, described, array_i8, array_i16, array_i32, array_i64, array_f32, array_f64, &
    array_c64, array_c128, array_bool, config_from_json, config_from_yaml, config_load, config_make, config_set_int, &
    config_set_long, config_set_single, config_set_double, config_set_logical, config_set_string, config_set_pair, &
    config_set_text, config_merge, config_check, config_to_json, cancel_create, cancel_request, cancel_reset, &
    context_create, context_set_log, context_devices, context_describe, context_generators, context_describe_generator, &
    context_load_plugin, context_initializers, context_registered, context_describe_registered, context_schema, &
    context_describe_file, context_forward, dataset_open, dataset_from_arrays, dataset_simulate, dataset_save, &
    dataset_select, dataset_size, dataset_side, dataset_describe, dataset_read_patterns, model_create, model_load, &
    model_save, model_import, model_export, model_parameter_count, model_side, model_describe, model_history, &
    model_arrays, model_set_probe, model_write_picture, trainer_create, trainer_fit, trainer_resume, &
    reconstructor_create, reconstructor_predict, reconstructor_reconstruct, reconstructor_refine, canvas_create, &
    canvas_create_around, canvas_add, canvas_load, canvas_save, canvas_describe, canvas_write_picture, canvas_evaluate, &
    canvas_evaluate_file, canvas_fourier_error, context_register, network_setup, network_initialise, network_forward, &
    network_vjp, network_add_parameter, network_fail, network_outcome, boxed, given_weights, network_create, &
    network_destroy, network_count, network_parameter, network_first_values, network_images, network_gradients, &
    get_c64_2, get_c64_3, get_f32_2, get_f32_3, get_f64_1, get_f64_2, &
    extents_of

contains

  ! ---- what the library says of itself ----

  !> "major.minor.patch" of the library that is loaded.
  function ptk_version_text() result(text)
    character(len=:), allocatable :: text
    integer(c_int32_t) :: major, minor, patch
    character(len=40) :: buffer
    call ptk_version(major, minor, patch)
    write (buffer, '(i0,".",i0,".",i0)') major, minor, patch
    text = trim(buffer)
  end function ptk_version_text

  !> JSON: what the library was built from and with.
  function ptk_build_text() result(text)
    character(len=:), allocatable :: text
    text = as_text(ptk_build_info())
  end function ptk_build_text

  !> Name of a status, e.g. "PTK_ERR_SHAPE".
  function ptk_status_text(status) result(text)
    integer, intent(in) :: status
    character(len=:), allocatable :: text
    text = as_text(ptk_status_name(int(status, c_int)))
  end function ptk_status_text

  !> Phase of a progress, e.g. "train".
  function ptk_phase(progress) result(text)
    type(ptk_progress), intent(in) :: progress
    character(len=:), allocatable :: text
    text = as_text(progress%phase)
  end function ptk_phase

  ! ---- handles ----

  !> Gives up this reference; the last one releases the object. Closing twice is fine.
  subroutine handle_close(this)
    class(ptk_handle), intent(inout) :: this
    if (.not. associated(this%owners)) return
    this%owners = this%owners - 1
    if (this%owners == 0) then
      call this%free(this%pointer)
      deallocate (this%owners)
    end if
    this%owners => null()
    this%pointer = c_null_ptr
  end subroutine handle_close

  subroutine handle_final(this)
    type(ptk_handle), intent(inout) :: this
    call handle_close(this)
  end subroutine handle_final

  !> Whether there is an object.
  function handle_is_open(this) result(answer)
    class(ptk_handle), intent(in) :: this
    logical :: answer
    answer = c_associated(this%pointer)
  end function handle_is_open

  !> Both share the object afterwards. An object of another type is not taken over: the left side is closed then.
  subroutine handle_assign(this, other)
    class(ptk_handle), intent(inout) :: this
    class(ptk_handle), intent(in) :: other
    if (associated(this%owners, other%owners)) return
    call handle_close(this)
    if (.not. associated(other%owners) .or. .not. same_type_as(this, other)) return
    this%pointer = other%pointer
    this%owners => other%owners
    this%free => other%free
    this%owners = this%owners + 1
  end subroutine handle_assign

  ! Take over what a call made, in place of what was held; report how the call went.
  subroutine owned(this, pointer, free, status, ierr, message)
    class(ptk_handle), intent(inout) :: this
    type(c_ptr), intent(in) :: pointer
    procedure(ptk_release) :: free
    integer(c_int32_t), intent(in) :: status
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    call handle_close(this)
    if (c_associated(pointer)) then
      this%pointer = pointer
      this%free => free
      allocate (this%owners)
      this%owners = 1
    end if
    call reported(status, ierr, message)
  end subroutine owned

  function address(handle) result(pointer)
    class(ptk_handle), intent(in), optional :: handle
    type(c_ptr) :: pointer
    pointer = c_null_ptr
    if (present(handle)) pointer = handle%pointer
  end function address

  ! ---- errors and texts ----

  subroutine reported(status, ierr, message)
    integer(c_int32_t), intent(in) :: status
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    if (present(message) .and. status /= PTK_OK) message = as_text(ptk_last_error_message())
    if (present(ierr)) then
      ierr = int(status)
    else if (status /= PTK_OK) then
      write (error_unit, '(a)') as_text(ptk_status_name(int(status, c_int)))//": "//as_text(ptk_last_error_message())
      error stop 1
    end if
  end subroutine reported

  ! As C wants it: without trailing blanks, with a closing NUL.
  function c_text(text) result(closed)
    character(len=*), intent(in) :: text
    character(len=:), allocatable :: closed
    closed = trim(text)//c_null_char
  end function c_text

  ! The characters before the closing NUL, of which there is one.
  function f_text(bytes) result(text)
    character(kind=c_char), intent(in) :: bytes(*)
    character(len=:), allocatable :: text
    integer :: i, length
    length = 0
    do while (bytes(length + 1) /= c_null_char)
      length = length + 1
    end do
    allocate (character(len=length) :: text)
    do i = 1, length
      text(i:i) = bytes(i)
    end do
  end function f_text

  function as_text(pointer) result(text)
    type(c_ptr), intent(in) :: pointer
    character(len=:), allocatable :: text
    character(kind=c_char), pointer :: bytes(:)
    if (.not. c_associated(pointer)) then
      text = ""
      return
    end if
    call c_f_pointer(pointer, bytes, [huge(0)])
    text = f_text(bytes)
  end function as_text

  function text_room_asks(this) result(answer)
    class(text_room), intent(inout) :: this
    logical :: answer
    answer = this%status == PTK_ERR_BUFFER_TOO_SMALL .and. this%needed > this%size
    if (.not. answer) return
    this%size = this%needed
    if (allocated(this%bytes)) deallocate (this%bytes)
    allocate (this%bytes(this%size))
  end function text_room_asks

  ! "" after a failure, which is reported.
  function text_room_text(this, ierr, message) result(text)
    class(text_room), intent(in) :: this
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    text = ""
    if (this%status == PTK_OK) text = f_text(this%bytes)
    call reported(this%status, ierr, message)
  end function text_room_text

  ! ---- callbacks ----

  subroutine watch(box, listener)
    type(listener_box), intent(inout) :: box
    class(ptk_listener), intent(inout), optional, target :: listener
    if (.not. present(listener)) return
    box%listener => listener
    box%callback = c_funloc(progress_trampoline)
  end subroutine watch

  function progress_trampoline(progress, user_data) result(answer) bind(C, name="")
    type(ptk_progress), intent(in), optional :: progress
    type(c_ptr), value :: user_data
    integer(c_int32_t) :: answer
    type(listener_box), pointer :: box
    call c_f_pointer(user_data, box)
    answer = 1
    if (present(progress)) answer = merge(0_c_int32_t, 1_c_int32_t, box%listener%on_progress(progress))
  end function progress_trampoline

  subroutine log_trampoline(level, area, message, user_data) bind(C, name="")
    integer(c_int32_t), value :: level
    character(kind=c_char), intent(in), optional :: area(*), message(*)
    type(c_ptr), value :: user_data
    type(log_box), pointer :: box
    call c_f_pointer(user_data, box)
    if (present(area) .and. present(message)) call box%listener%on_message(int(level), f_text(area), f_text(message))
  end subroutine log_trampoline

  ! ---- arrays ----

  function described(data, dtype, extents, contiguous) result(view)
    type(c_ptr), intent(in) :: data
    integer(c_int32_t), intent(in) :: dtype
    integer(c_int64_t), intent(in) :: extents(:)
    logical, intent(in) :: contiguous
    type(ptk_view) :: view
    integer :: i, n
    n = size(extents)
    view%ndim = n
    view%device_type = PTK_DEVICE_CPU
    ! A view of type 0 is refused by every call: an array with gaps would be read wrongly.
    if (n > PTK_MAX_NDIM .or. .not. contiguous) return
    view%dtype = dtype
    view%data = data
    view%shape(1:n) = extents(n:1:-1)
    if (n > 0) view%strides(n) = 1
    do i = n - 1, 1, -1
      view%strides(i) = view%strides(i + 1)*view%shape(i + 1)
    end do
  end function described

  function array_i8(array, unsigned) result(view)
    integer(c_int8_t), target :: array(..)
    logical, intent(in), optional :: unsigned
    type(ptk_view) :: view
    view = described(c_loc(array), PTK_I8, shape(array, c_int64_t), is_contiguous(array))
    if (present(unsigned)) view%dtype = merge(PTK_U8, view%dtype, unsigned .and. view%dtype /= 0)
  end function array_i8

  function array_i16(array, unsigned) result(view)
    integer(c_int16_t), target :: array(..)
    logical, intent(in), optional :: unsigned
    type(ptk_view) :: view
    view = described(c_loc(array), PTK_I16, shape(array, c_int64_t), is_contiguous(array))
    if (present(unsigned)) view%dtype = merge(PTK_U16, view%dtype, unsigned .and. view%dtype /= 0)
  end function array_i16

  function array_i32(array, unsigned) result(view)
    integer(c_int32_t), target :: array(..)
    logical, intent(in), optional :: unsigned
    type(ptk_view) :: view
    view = described(c_loc(array), PTK_I32, shape(array, c_int64_t), is_contiguous(array))
    if (present(unsigned)) view%dtype = merge(PTK_U32, view%dtype, unsigned .and. view%dtype /= 0)
  end function array_i32

  function array_i64(array, unsigned) result(view)
    integer(c_int64_t), target :: array(..)
    logical, intent(in), optional :: unsigned
    type(ptk_view) :: view
    view = described(c_loc(array), PTK_I64, shape(array, c_int64_t), is_contiguous(array))
    if (present(unsigned)) view%dtype = merge(PTK_U64, view%dtype, unsigned .and. view%dtype /= 0)
  end function array_i64

  function array_f32(array) result(view)
    real(c_float), target :: array(..)
    type(ptk_view) :: view
    view = described(c_loc(array), PTK_F32, shape(array, c_int64_t), is_contiguous(array))
  end function array_f32

  function array_f64(array) result(view)
    real(c_double), target :: array(..)
    type(ptk_view) :: view
    view = described(c_loc(array), PTK_F64, shape(array, c_int64_t), is_contiguous(array))
  end function array_f64

  function array_c64(array) result(view)
    complex(c_float_complex), target :: array(..)
    type(ptk_view) :: view
    view = described(c_loc(array), PTK_C64, shape(array, c_int64_t), is_contiguous(array))
  end function array_c64

  function array_c128(array) result(view)
    complex(c_double_complex), target :: array(..)
    type(ptk_view) :: view
    view = described(c_loc(array), PTK_C128, shape(array, c_int64_t), is_contiguous(array))
  end function array_c128

  function array_bool(array) result(view)
    logical(c_bool), target :: array(..)
    type(ptk_view) :: view
    view = described(c_loc(array), PTK_BOOL, shape(array, c_int64_t), is_contiguous(array))
  end function array_bool

  ! ---- configuration ----

  !> From JSON, nested or with dotted names.
  subroutine config_from_json(this, json, ierr, message)
    class(ptk_config), intent(inout) :: this
    character(len=*), intent(in) :: json
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    status = ptk_config_from_json(made, c_text(json))
    call owned(this, made, ptk_config_free, status, ierr, message)
  end subroutine config_from_json

  !> From YAML, nested or with dotted names.
  subroutine config_from_yaml(this, yaml, ierr, message)
    class(ptk_config), intent(inout) :: this
    character(len=*), intent(in) :: yaml
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    status = ptk_config_from_yaml(made, c_text(yaml))
    call owned(this, made, ptk_config_free, status, ierr, message)
  end subroutine config_from_yaml

  !> From a .json, .yaml or .yml file.
  subroutine config_load(this, path, ierr, message)
    class(ptk_config), intent(inout) :: this
    character(len=*), intent(in) :: path
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    status = ptk_config_load(made, c_text(path))
    call owned(this, made, ptk_config_free, status, ierr, message)
  end subroutine config_load

  ! An empty configuration comes to be when the first value is set.
  function config_make(this) result(status)
    class(ptk_config), intent(inout) :: this
    integer(c_int32_t) :: status
    type(c_ptr) :: made
    integer :: known
    status = PTK_OK
    if (this%is_open()) return
    status = ptk_config_create(made)
    call owned(this, made, ptk_config_free, status, known)
  end function config_make

  subroutine config_set_int(this, key, value, ierr, message)
    class(ptk_config), intent(inout) :: this
    character(len=*), intent(in) :: key
    integer(c_int32_t), intent(in) :: value
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    call this%config_set_long(key, int(value, c_int64_t), ierr, message)
  end subroutine config_set_int

  subroutine config_set_long(this, key, value, ierr, message)
    class(ptk_config), intent(inout) :: this
    character(len=*), intent(in) :: key
    integer(c_int64_t), intent(in) :: value
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    integer(c_int32_t) :: status
    status = this%config_make()
    if (status == PTK_OK) status = ptk_config_set_int(this%pointer, c_text(key), value)
    call reported(status, ierr, message)
  end subroutine config_set_long

  subroutine config_set_single(this, key, value, ierr, message)
    class(ptk_config), intent(inout) :: this
    character(len=*), intent(in) :: key
    real(c_float), intent(in) :: value
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    call this%config_set_double(key, real(value, c_double), ierr, message)
  end subroutine config_set_single

  subroutine config_set_double(this, key, value, ierr, message)
    class(ptk_config), intent(inout) :: this
    character(len=*), intent(in) :: key
    real(c_double), intent(in) :: value
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    integer(c_int32_t) :: status
    status = this%config_make()
    if (status == PTK_OK) status = ptk_config_set_float(this%pointer, c_text(key), value)
    call reported(status, ierr, message)
  end subroutine config_set_double

  subroutine config_set_logical(this, key, value, ierr, message)
    class(ptk_config), intent(inout) :: this
    character(len=*), intent(in) :: key
    logical, intent(in) :: value
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    integer(c_int32_t) :: status
    status = this%config_make()
    if (status == PTK_OK) status = ptk_config_set_bool(this%pointer, c_text(key), merge(1_c_int32_t, 0_c_int32_t, value))
    call reported(status, ierr, message)
  end subroutine config_set_logical

  subroutine config_set_string(this, key, value, ierr, message)
    class(ptk_config), intent(inout) :: this
    character(len=*), intent(in) :: key
    character(len=*), intent(in) :: value
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    integer(c_int32_t) :: status
    status = this%config_make()
    if (status == PTK_OK) status = ptk_config_set_string(this%pointer, c_text(key), c_text(value))
    call reported(status, ierr, message)
  end subroutine config_set_string

  subroutine config_set_pair(this, key, value, ierr, message)
    class(ptk_config), intent(inout) :: this
    character(len=*), intent(in) :: key
    real(c_double), intent(in) :: value(2)
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    integer(c_int32_t) :: status
    status = this%config_make()
    if (status == PTK_OK) status = ptk_config_set_pair(this%pointer, c_text(key), value(1), value(2))
    call reported(status, ierr, message)
  end subroutine config_set_pair

  !> A value as text, read as the option's type: "3", "true", "0.1,0.9", "null".
  subroutine config_set_text(this, key, value, ierr, message)
    class(ptk_config), intent(inout) :: this
    character(len=*), intent(in) :: key
    character(len=*), intent(in) :: value
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    integer(c_int32_t) :: status
    status = this%config_make()
    if (status == PTK_OK) status = ptk_config_set_text(this%pointer, c_text(key), c_text(value))
    call reported(status, ierr, message)
  end subroutine config_set_text

  !> Take over the values of another configuration; they win.
  subroutine config_merge(this, other, ierr, message)
    class(ptk_config), intent(inout) :: this
    class(ptk_config), intent(in) :: other
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    integer(c_int32_t) :: status
    status = this%config_make()
    if (status == PTK_OK) status = ptk_config_merge(this%pointer, other%pointer)
    call reported(status, ierr, message)
  end subroutine config_merge

  !> Check now; an unknown option is an error that names the nearest. `subject`: "library", a section, or "generator:NAME".
  subroutine config_check(this, context, subject, ierr, message)
    class(ptk_config), intent(in) :: this
    class(ptk_context), intent(in) :: context
    character(len=*), intent(in) :: subject
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    call reported(ptk_config_check(context%pointer, this%pointer, c_text(subject)), ierr, message)
  end subroutine config_check

  !> JSON: all values, defaults included.
  function config_to_json(this, context, subject, ierr, message) result(text)
    class(ptk_config), intent(in) :: this
    class(ptk_context), intent(in) :: context
    character(len=*), intent(in) :: subject
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_config_to_json(context%pointer, this%pointer, c_text(subject), room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function config_to_json

  ! ---- cancellation ----

  !> A lowered flag.
  subroutine cancel_create(this, ierr, message)
    class(ptk_cancel), intent(inout) :: this
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    status = ptk_cancel_create(made)
    call owned(this, made, ptk_cancel_free, status, ierr, message)
  end subroutine cancel_create

  !> Raise the flag; from any thread.
  subroutine cancel_request(this)
    class(ptk_cancel), intent(in) :: this
    call ptk_cancel_request(this%pointer)
  end subroutine cancel_request

  !> Lower the flag, to use it again.
  subroutine cancel_reset(this)
    class(ptk_cancel), intent(in) :: this
    call ptk_cancel_reset(this%pointer)
  end subroutine cancel_reset

  ! ---- context ----

  !> `device`: "cpu", "cuda", "cuda:1" or "auto".
  subroutine context_create(this, device, config, ierr, message)
    class(ptk_context), intent(inout) :: this
    character(len=*), intent(in) :: device
    class(ptk_config), intent(in), optional :: config
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    status = ptk_context_create(made, c_text(device), address(config))
    call owned(this, made, ptk_context_free, status, ierr, message)
  end subroutine context_create

  !> Send messages of at least this importance (PTK_LOG_...) to a listener, which must live until set_log is called without one.
  !! Messages may come from any thread, one at a time.
  subroutine context_set_log(this, level, listener, ierr, message)
    class(ptk_context), intent(in) :: this
    integer, intent(in) :: level
    class(ptk_log_listener), intent(inout), optional, target :: listener
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(log_box), pointer :: box
    integer(c_int32_t) :: status
    if (.not. present(listener)) then
      status = ptk_context_set_log(this%pointer, int(level, c_int32_t), c_null_funptr, c_null_ptr)
    else
      ! What was made from the context may log after it is gone: the box stays.
      allocate (box)
      box%listener => listener
      status = ptk_context_set_log(this%pointer, int(level, c_int32_t), c_funloc(log_trampoline), c_loc(box))
    end if
    call reported(status, ierr, message)
  end subroutine context_set_log

  !> JSON: the devices that can be used now.
  function context_devices(this, ierr, message) result(text)
    class(ptk_context), intent(in) :: this
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_context_devices(this%pointer, room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function context_devices

  !> JSON: device, threads, seed, and this process among those that train together.
  function context_describe(this, ierr, message) result(text)
    class(ptk_context), intent(in) :: this
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_context_describe(this%pointer, room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function context_describe

  !> JSON: the generators that there are.
  function context_generators(this, ierr, message) result(text)
    class(ptk_context), intent(in) :: this
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_generator_list(this%pointer, room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function context_generators

  !> JSON: the ways to draw first weights, for the option generator.initializer.
  function context_initializers(this, ierr, message) result(text)
    class(ptk_context), intent(in) :: this
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_initializer_list(this%pointer, room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function context_initializers

  !> JSON: what is registered under a category, "losses", "optimizers" ...; "categories": the categories.
  function context_registered(this, category, ierr, message) result(text)
    class(ptk_context), intent(in) :: this
    character(len=*), intent(in) :: category
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_registry_list(this%pointer, c_text(category), room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function context_registered

  !> JSON: one of them with its options.
  function context_describe_registered(this, category, name, ierr, message) result(text)
    class(ptk_context), intent(in) :: this
    character(len=*), intent(in) :: category, name
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_registry_describe(this%pointer, c_text(category), c_text(name), room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function context_describe_registered

  !> JSON: one generator with its options.
  function context_describe_generator(this, name, ierr, message) result(text)
    class(ptk_context), intent(in) :: this
    character(len=*), intent(in) :: name
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_generator_describe(this%pointer, c_text(name), room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function context_describe_generator

  !> Load a shared library with generators, or allow a TorchScript program that a model was trained with. It is executed.
  subroutine context_load_plugin(this, path, ierr, message)
    class(ptk_context), intent(in) :: this
    character(len=*), intent(in) :: path
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    call reported(ptk_plugin_load(this%pointer, c_text(path)), ierr, message)
  end subroutine context_load_plugin

  !> JSON: the options that there are. `subject`: "library", a section, or "generator:NAME".
  function context_schema(this, subject, ierr, message) result(text)
    class(ptk_context), intent(in) :: this
    character(len=*), intent(in) :: subject
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_config_schema(this%pointer, c_text(subject), room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function context_schema

  !> JSON: what is in a file, without reading its arrays.
  function context_describe_file(this, path, config, ierr, message) result(text)
    class(ptk_context), intent(in) :: this
    character(len=*), intent(in) :: path
    class(ptk_config), intent(in), optional :: config
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_file_describe(this%pointer, c_text(path), address(config), room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function context_describe_file

  !> Intensities (N, N, n) of patches (N, N, n) seen through a probe (N, N[, modes]).
  subroutine context_forward(this, patches, probe, intensity, ierr, message)
    class(ptk_context), intent(in) :: this
    type(ptk_view), intent(in) :: patches
    type(ptk_view), intent(in) :: probe
    type(ptk_view), intent(in) :: intensity
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(ptk_view) :: filled
    filled = intensity
    call reported(ptk_forward(this%pointer, patches, probe, filled), ierr, message)
  end subroutine context_forward

  ! ---- generators of the program ----

  !> Add a generator of the program, of which a copy is kept. Its name has letters, digits and '_'.
  subroutine context_register(this, name, network, ierr, message)
    class(ptk_context), intent(in) :: this
    character(len=*), intent(in) :: name
    class(ptk_network), intent(in) :: network
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(network_box), pointer :: box
    type(ptk_generator_table) :: table
    character(len=:), allocatable, target :: name_text, summary, source, schema
    integer(c_int32_t) :: status
    name_text = c_text(name)
    summary = c_text("a network in Fortran")
    if (allocated(network%summary)) summary = c_text(network%summary)
    source = c_text("")
    if (allocated(network%source)) source = c_text(network%source)
    schema = c_text("[]")
    if (allocated(network%schema)) schema = c_text(network%schema)
    allocate (box)
    allocate (box%network, source=network)
    if (allocated(box%network%declared)) deallocate (box%network%declared) ! the caller's
    table%struct_size = c_sizeof(table)
    table%abi = PTK_PLUGIN_ABI
    table%output = network%output
    table%name = c_loc(name_text)
    table%summary = c_loc(summary)
    table%source = c_loc(source)
    table%options = c_loc(schema)
    table%user_data = c_loc(box)
    table%create = c_funloc(network_create)
    table%destroy = c_funloc(network_destroy)
    table%parameter_count = c_funloc(network_count)
    table%parameter = c_funloc(network_parameter)
    table%initialise = c_funloc(network_first_values)
    table%forward = c_funloc(network_images)
    if (network%trains) table%vjp = c_funloc(network_gradients)
    table%free_user_data = c_funloc(network_destroy)
    status = ptk_generator_register(this%pointer, table)
    if (status /= PTK_OK) deallocate (box)
    call reported(status, ierr, message)
  end subroutine context_register

  !> Declare an array of weights: a unique name of letters, digits, '_' and inner '.', and its extents. From setup() only.
  subroutine network_add_parameter(this, name, extents)
    class(ptk_network), intent(inout) :: this
    character(len=*), intent(in) :: name
    integer, intent(in) :: extents(:)
    type(declared_parameter) :: one
    character(len=:), allocatable :: text
    integer :: i
    text = c_text(name)
    allocate (one%name(len(text)))
    do i = 1, len(text)
      one%name(i) = text(i:i)
    end do
    one%extents = int(extents, c_int64_t)
    if (.not. allocated(this%declared)) allocate (this%declared(0))
    this%declared = [this%declared, one]
  end subroutine network_add_parameter

  !> Say what went wrong. `status`: PTK_ERR_SHAPE or PTK_ERR_INVALID_CONFIG, from setup(), when it cannot be made like this.
  subroutine network_fail(this, message, status)
    class(ptk_network), intent(inout) :: this
    character(len=*), intent(in) :: message
    integer(c_int32_t), intent(in), optional :: status
    this%failure = message
    this%failure_status = PTK_ERR_CALLBACK
    if (present(status)) this%failure_status = status
  end subroutine network_fail

  !> Gradients of sum(grad_images*images) by every parameter, into gradients(i)%values.
  subroutine network_vjp(this, weights, amplitudes, grad_images, gradients)
    class(ptk_network), intent(inout) :: this
    type(ptk_weights), intent(in) :: weights(:)
    real(c_float), intent(in) :: amplitudes(:, :, :, :)
    real(c_float), intent(in) :: grad_images(:, :, :, :, :)
    type(ptk_weights), intent(inout) :: gradients(:)
    if (size(weights) + size(gradients) + size(amplitudes) + size(grad_images) < 0) return ! they are for those who override it
    call this%fail("the network has no vjp; without one it is registered with trains = .false.")
  end subroutine network_vjp

  ! How a procedure of a network went.
  function network_outcome(network) result(status)
    class(ptk_network), intent(inout) :: network
    integer(c_int32_t) :: status
    status = PTK_OK
    if (.not. allocated(network%failure)) return
    call ptk_set_error_message(c_text(network%failure))
    status = network%failure_status
    deallocate (network%failure)
  end function network_outcome

  function boxed(pointer) result(box)
    type(c_ptr), intent(in) :: pointer
    type(network_box), pointer :: box
    call c_f_pointer(pointer, box)
  end function boxed

  ! The arrays behind C's array of pointers.
  function given_weights(network, pointers) result(weights)
    class(ptk_network), intent(in) :: network
    type(c_ptr), intent(in) :: pointers
    type(ptk_weights) :: weights(size(network%declared))
    type(c_ptr), pointer :: addresses(:)
    integer :: i
    if (size(weights) == 0) return
    call c_f_pointer(pointers, addresses, [size(weights)])
    do i = 1, size(weights)
      call c_f_pointer(addresses(i), weights(i)%values, [product(network%declared(i)%extents)])
    end do
  end function given_weights

  function network_create(self_out, problem, user_data) result(status) bind(C, name="")
    type(c_ptr), intent(out) :: self_out
    type(ptk_generator_problem), intent(in) :: problem
    type(c_ptr), value :: user_data
    integer(c_int32_t) :: status
    type(network_box), pointer :: registered, made
    registered => boxed(user_data)
    allocate (made)
    allocate (made%network, source=registered%network)
    made%network%channels = problem%channels
    made%network%side = problem%side
    made%network%options = as_text(problem%options)
    allocate (made%network%declared(0))
    call made%network%setup()
    status = network_outcome(made%network)
    self_out = c_loc(made)
    if (status /= PTK_OK) then
      call network_destroy(self_out)
      self_out = c_null_ptr
    end if
  end function network_create

  subroutine network_destroy(self) bind(C, name="")
    type(c_ptr), value :: self
    type(network_box), pointer :: box
    integer :: i
    box => boxed(self)
    if (allocated(box%network%declared)) then
      do i = 1, size(box%network%declared)
        deallocate (box%network%declared(i)%name)
      end do
    end if
    deallocate (box)
  end subroutine network_destroy

  function network_count(self) result(count) bind(C, name="")
    type(c_ptr), value :: self
    integer(c_int64_t) :: count
    type(network_box), pointer :: box
    box => boxed(self)
    count = size(box%network%declared, kind=c_int64_t)
  end function network_count

  function network_parameter(self, index, parameter_out) result(status) bind(C, name="")
    type(c_ptr), value :: self
    integer(c_int64_t), value :: index
    type(ptk_generator_parameter), intent(inout) :: parameter_out
    integer(c_int32_t) :: status
    type(network_box), pointer :: box
    integer :: n
    box => boxed(self)
    status = PTK_OK
    associate (one => box%network%declared(index + 1))
      n = size(one%extents)
      parameter_out%name = c_loc(one%name)
      parameter_out%ndim = n
      n = min(n, int(PTK_MAX_NDIM)) ! more are refused
      parameter_out%shape(1:n) = one%extents(n:1:-1)
    end associate
  end function network_parameter

  function network_first_values(self, index, seed, values_out) result(status) bind(C, name="")
    type(c_ptr), value :: self
    integer(c_int64_t), value :: index, seed
    type(c_ptr), value :: values_out
    integer(c_int32_t) :: status
    type(network_box), pointer :: box
    real(c_float), pointer, contiguous :: values(:)
    box => boxed(self)
    call c_f_pointer(values_out, values, [product(box%network%declared(index + 1)%extents)])
    call box%network%initialise(int(index) + 1, seed, values)
    status = network_outcome(box%network)
  end function network_first_values

  function network_images(self, parameters, batch, amplitudes, images_out) result(status) bind(C, name="")
    type(c_ptr), value :: self, parameters
    integer(c_int64_t), value :: batch
    type(c_ptr), value :: amplitudes, images_out
    integer(c_int32_t) :: status
    type(network_box), pointer :: box
    real(c_float), pointer, contiguous :: frames(:, :, :, :), images(:, :, :, :, :)
    box => boxed(self)
    associate (n => box%network)
      call c_f_pointer(amplitudes, frames, [n%side, n%side, n%channels, batch])
      call c_f_pointer(images_out, images, [n%side, n%side, n%channels, 2_c_int64_t, batch])
      call n%forward(given_weights(n, parameters), frames, images)
      status = network_outcome(n)
    end associate
  end function network_images

  function network_gradients(self, parameters, batch, amplitudes, grad_images, grad_parameters_out) result(status) bind(C, name="")
    type(c_ptr), value :: self, parameters
    integer(c_int64_t), value :: batch
    type(c_ptr), value :: amplitudes, grad_images, grad_parameters_out
    integer(c_int32_t) :: status
    type(network_box), pointer :: box
    type(ptk_weights), allocatable :: gradients(:)
    real(c_float), pointer, contiguous :: frames(:, :, :, :), gradient(:, :, :, :, :)
    box => boxed(self)
    associate (n => box%network)
      call c_f_pointer(amplitudes, frames, [n%side, n%side, n%channels, batch])
      call c_f_pointer(grad_images, gradient, [n%side, n%side, n%channels, 2_c_int64_t, batch])
      gradients = given_weights(n, grad_parameters_out)
      call n%vjp(given_weights(n, parameters), frames, gradient, gradients)
      status = network_outcome(n)
    end associate
  end function network_gradients

  ! ---- datasets ----

  !> A file or folder, told apart by content: PtychoPINN's NPZ, CXI, ptychodus, PtyPy, or HDF5 with its paths in the
  !! configuration.
  subroutine dataset_open(this, context, path, config, ierr, message)
    class(ptk_dataset), intent(inout) :: this
    class(ptk_context), intent(in) :: context
    character(len=*), intent(in) :: path
    class(ptk_config), intent(in), optional :: config
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    status = ptk_dataset_open(made, context%pointer, c_text(path), address(config))
    call owned(this, made, ptk_dataset_free, status, ierr, message)
  end subroutine dataset_open

  !> patterns (N, N, n), positions (2, n), probe (N, N[, modes]), a known object (W, H); all are copied.
  subroutine dataset_from_arrays(this, context, patterns, positions, probe, object, config, ierr, message)
    class(ptk_dataset), intent(inout) :: this
    class(ptk_context), intent(in) :: context
    type(ptk_view), intent(in) :: patterns
    type(ptk_view), intent(in) :: positions
    type(ptk_view), intent(in), optional :: probe
    type(ptk_view), intent(in), optional :: object
    class(ptk_config), intent(in), optional :: config
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    status = ptk_dataset_from_arrays(made, context%pointer, patterns, positions, probe, object, address(config))
    call owned(this, made, ptk_dataset_free, status, ierr, message)
  end subroutine dataset_from_arrays

  !> An experiment after the simulation.* options and the seed, with the object, probe and positions that made it.
  subroutine dataset_simulate(this, context, config, listener, cancel, ierr, message)
    class(ptk_dataset), intent(inout) :: this
    class(ptk_context), intent(in) :: context
    class(ptk_config), intent(in), optional :: config
    class(ptk_listener), intent(inout), optional, target :: listener
    class(ptk_cancel), intent(in), optional :: cancel
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(listener_box), target :: box
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    call watch(box, listener)
    status = ptk_simulate(made, context%pointer, address(config), address(cancel), box%callback, c_loc(box))
    call owned(this, made, ptk_dataset_free, status, ierr, message)
  end subroutine dataset_simulate

  !> For open(), as "npz", "cxi", "ptychodus" (a new folder), or by the suffix.
  subroutine dataset_save(this, path, format, ierr, message)
    class(ptk_dataset), intent(in) :: this
    character(len=*), intent(in) :: path
    character(len=*), intent(in), optional :: format
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: chosen
    chosen = "auto"
    if (present(format)) chosen = format
    call reported(ptk_dataset_save(this%pointer, c_text(path), c_text(chosen)), ierr, message)
  end subroutine dataset_save

  !> The part of a dataset inside fractions of the range of its positions.
  subroutine dataset_select(this, whole, x_low, x_high, y_low, y_high, ierr, message)
    class(ptk_dataset), intent(inout) :: this
    class(ptk_dataset), intent(in) :: whole
    real(c_double), intent(in) :: x_low, x_high, y_low, y_high
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    status = ptk_dataset_select(made, whole%pointer, x_low, x_high, y_low, y_high)
    call owned(this, made, ptk_dataset_free, status, ierr, message)
  end subroutine dataset_select

  !> Number of frames.
  function dataset_size(this) result(number)
    class(ptk_dataset), intent(in) :: this
    integer(c_int64_t) :: number
    number = ptk_dataset_size(this%pointer)
  end function dataset_size

  !> Side N of the frames.
  function dataset_side(this) result(number)
    class(ptk_dataset), intent(in) :: this
    integer(c_int64_t) :: number
    number = ptk_dataset_side(this%pointer)
  end function dataset_side

  !> JSON: source, size, what the frames hold, what the reader decided, arrays.
  function dataset_describe(this, ierr, message) result(text)
    class(ptk_dataset), intent(in) :: this
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_dataset_describe(this%pointer, room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function dataset_describe

  !> Some patterns (N, N, k), from frame `first` on, counted from 1.
  subroutine dataset_read_patterns(this, first, patterns, ierr, message)
    class(ptk_dataset), intent(in) :: this
    integer(c_int64_t), intent(in) :: first
    type(ptk_view), intent(in) :: patterns
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(ptk_view) :: filled
    filled = patterns
    call reported(ptk_dataset_read_patterns(this%pointer, first - 1, filled), ierr, message)
  end subroutine dataset_read_patterns

  ! ---- models ----

  !> Fresh weights for frames (side, side, n).
  subroutine model_create(this, context, side, config, ierr, message)
    class(ptk_model), intent(inout) :: this
    class(ptk_context), intent(in) :: context
    integer(c_int64_t), intent(in) :: side
    class(ptk_config), intent(in), optional :: config
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    status = ptk_model_create(made, context%pointer, side, address(config))
    call owned(this, made, ptk_model_free, status, ierr, message)
  end subroutine model_create

  !> From a bundle, a file of save().
  subroutine model_load(this, context, path, ierr, message)
    class(ptk_model), intent(inout) :: this
    class(ptk_context), intent(in) :: context
    character(len=*), intent(in) :: path
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    status = ptk_model_load(made, context%pointer, c_text(path))
    call owned(this, made, ptk_model_free, status, ierr, message)
  end subroutine model_load

  !> One HDF5 file.
  subroutine model_save(this, path, ierr, message)
    class(ptk_model), intent(in) :: this
    character(len=*), intent(in) :: path
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    call reported(ptk_model_save(this%pointer, c_text(path)), ierr, message)
  end subroutine model_save

  !> Weights from Python: .pth, .pt, .ckpt, wts.h5.zip, .safetensors or .npz; side 0 = as the file tells.
  subroutine model_import(this, context, path, side, config, ierr, message)
    class(ptk_model), intent(inout) :: this
    class(ptk_context), intent(in) :: context
    character(len=*), intent(in) :: path
    integer(c_int64_t), intent(in) :: side
    class(ptk_config), intent(in), optional :: config
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    status = ptk_model_import(made, context%pointer, c_text(path), side, address(config))
    call owned(this, made, ptk_model_free, status, ierr, message)
  end subroutine model_import

  !> Writes the weights to .safetensors or .npz, by the names of the reference's state dict.
  subroutine model_export(this, path, ierr, message)
    class(ptk_model), intent(in) :: this
    character(len=*), intent(in) :: path
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    call reported(ptk_model_export(this%pointer, c_text(path)), ierr, message)
  end subroutine model_export

  !> Number of trainable numbers.
  function model_parameter_count(this) result(number)
    class(ptk_model), intent(in) :: this
    integer(c_int64_t) :: number
    number = ptk_model_parameter_count(this%pointer)
  end function model_parameter_count

  !> Side N of the frames that it takes.
  function model_side(this) result(number)
    class(ptk_model), intent(in) :: this
    integer(c_int64_t) :: number
    number = ptk_model_side(this%pointer)
  end function model_side

  !> JSON: generator, settings, probe, statistics, where it comes from.
  function model_describe(this, ierr, message) result(text)
    class(ptk_model), intent(in) :: this
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_model_describe(this%pointer, room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function model_describe

  !> JSON: the course of the training.
  function model_history(this, ierr, message) result(text)
    class(ptk_model), intent(in) :: this
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_model_history(this%pointer, room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function model_history

  !> JSON: name, dtype and shape (of C) of every array.
  function model_arrays(this, ierr, message) result(text)
    class(ptk_model), intent(in) :: this
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_model_arrays(this%pointer, room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function model_arrays

  !> Give it another probe (N, N[, modes]).
  subroutine model_set_probe(this, probe, ierr, message)
    class(ptk_model), intent(in) :: this
    type(ptk_view), intent(in) :: probe
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    call reported(ptk_model_set_probe(this%pointer, probe), ierr, message)
  end subroutine model_set_probe

  !> "history" or "probe", as PNG.
  subroutine model_write_picture(this, picture, path, ierr, message)
    class(ptk_model), intent(in) :: this
    character(len=*), intent(in) :: picture
    character(len=*), intent(in) :: path
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    call reported(ptk_model_write_picture(this%pointer, c_text(picture), c_text(path)), ierr, message)
  end subroutine model_write_picture

  ! ---- training ----

  !> Checkpoints and history go to `run_folder`.
  subroutine trainer_create(this, model, config, run_folder, ierr, message)
    class(ptk_trainer), intent(inout) :: this
    class(ptk_model), intent(in) :: model
    class(ptk_config), intent(in), optional :: config
    character(len=*), intent(in), optional :: run_folder
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    character(len=:), allocatable :: folder
    ! An unallocated actual argument is an absent one.
    if (present(run_folder)) folder = c_text(run_folder)
    status = ptk_trainer_create(made, model%pointer, address(config), folder)
    call owned(this, made, ptk_trainer_free, status, ierr, message)
  end subroutine trainer_create

  !> Train; blocks until done, cancelled or failed.
  subroutine trainer_fit(this, dataset, listener, cancel, ierr, message)
    class(ptk_trainer), intent(in) :: this
    class(ptk_dataset), intent(in) :: dataset
    class(ptk_listener), intent(inout), optional, target :: listener
    class(ptk_cancel), intent(in), optional :: cancel
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(listener_box), target :: box
    call watch(box, listener)
    call reported(ptk_trainer_fit(this%pointer, dataset%pointer, address(cancel), box%callback, c_loc(box)), ierr, message)
  end subroutine trainer_fit

  !> Continue from a checkpoint; before fit().
  subroutine trainer_resume(this, path, ierr, message)
    class(ptk_trainer), intent(in) :: this
    character(len=*), intent(in) :: path
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    call reported(ptk_trainer_resume(this%pointer, c_text(path)), ierr, message)
  end subroutine trainer_resume

  ! ---- reconstruction ----

  !> Without a model it can refine() only.
  subroutine reconstructor_create(this, context, model, config, ierr, message)
    class(ptk_reconstructor), intent(inout) :: this
    class(ptk_context), intent(in) :: context
    class(ptk_model), intent(in), optional :: model
    class(ptk_config), intent(in), optional :: config
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    status = ptk_reconstructor_create(made, context%pointer, address(model), address(config))
    call owned(this, made, ptk_reconstructor_free, status, ierr, message)
  end subroutine reconstructor_create

  !> Patches (N, N[, G], B) of frames (N, N[, G], B) at positions (2[, G], B).
  subroutine reconstructor_predict(this, patterns, patches, positions, ierr, message)
    class(ptk_reconstructor), intent(in) :: this
    type(ptk_view), intent(in) :: patterns
    type(ptk_view), intent(in) :: patches
    type(ptk_view), intent(in), optional :: positions
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(ptk_view) :: filled
    filled = patches
    call reported(ptk_reconstructor_predict(this%pointer, patterns, positions, filled), ierr, message)
  end subroutine reconstructor_predict

  !> Predict the whole scan and stitch it into `canvas`.
  subroutine reconstructor_reconstruct(this, canvas, dataset, listener, cancel, ierr, message)
    class(ptk_reconstructor), intent(in) :: this
    class(ptk_canvas), intent(inout) :: canvas
    class(ptk_dataset), intent(in) :: dataset
    class(ptk_listener), intent(inout), optional, target :: listener
    class(ptk_cancel), intent(in), optional :: cancel
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(listener_box), target :: box
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    call watch(box, listener)
    status = ptk_reconstructor_reconstruct(made, this%pointer, dataset%pointer, address(cancel), box%callback, c_loc(box))
    call owned(canvas, made, ptk_canvas_free, status, ierr, message)
  end subroutine reconstructor_reconstruct

  !> Iterate object and probe on the frames, from the canvas `start` or from a flat object.
  subroutine reconstructor_refine(this, canvas, dataset, start, listener, cancel, ierr, message)
    class(ptk_reconstructor), intent(in) :: this
    class(ptk_canvas), intent(inout) :: canvas
    class(ptk_dataset), intent(in) :: dataset
    class(ptk_canvas), intent(in), optional :: start
    class(ptk_listener), intent(inout), optional, target :: listener
    class(ptk_cancel), intent(in), optional :: cancel
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(listener_box), target :: box
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    call watch(box, listener)
    status = ptk_reconstructor_refine(made, this%pointer, dataset%pointer, address(start), address(cancel), box%callback, &
      c_loc(box))
    call owned(canvas, made, ptk_canvas_free, status, ierr, message)
  end subroutine reconstructor_refine

  ! ---- canvases ----

  !> Empty, for add(); (origin_x, origin_y) is the place of its first pixel in the frame of the positions.
  subroutine canvas_create(this, context, height, width, origin_x, origin_y, config, ierr, message)
    class(ptk_canvas), intent(inout) :: this
    class(ptk_context), intent(in) :: context
    integer(c_int64_t), intent(in) :: height, width, origin_x, origin_y
    class(ptk_config), intent(in), optional :: config
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    status = ptk_canvas_create(made, context%pointer, height, width, origin_x, origin_y, address(config))
    call owned(this, made, ptk_canvas_free, status, ierr, message)
  end subroutine canvas_create

  !> Empty, holds all patches of a side at these positions (2, n).
  subroutine canvas_create_around(this, context, positions, side, config, ierr, message)
    class(ptk_canvas), intent(inout) :: this
    class(ptk_context), intent(in) :: context
    type(ptk_view), intent(in) :: positions
    integer(c_int64_t), intent(in) :: side
    class(ptk_config), intent(in), optional :: config
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    status = ptk_canvas_create_around(made, context%pointer, positions, side, address(config))
    call owned(this, made, ptk_canvas_free, status, ierr, message)
  end subroutine canvas_create_around

  !> patches (n, n, k) at positions (2, k), with weights (n, n) or (n, n, k).
  subroutine canvas_add(this, patches, positions, weights, ierr, message)
    class(ptk_canvas), intent(in) :: this
    type(ptk_view), intent(in) :: patches
    type(ptk_view), intent(in) :: positions
    type(ptk_view), intent(in), optional :: weights
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    call reported(ptk_canvas_add(this%pointer, patches, positions, weights), ierr, message)
  end subroutine canvas_add

  !> From a file of save().
  subroutine canvas_load(this, context, path, ierr, message)
    class(ptk_canvas), intent(inout) :: this
    class(ptk_context), intent(in) :: context
    character(len=*), intent(in) :: path
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(c_ptr) :: made
    integer(c_int32_t) :: status
    status = ptk_canvas_load(made, context%pointer, c_text(path))
    call owned(this, made, ptk_canvas_free, status, ierr, message)
  end subroutine canvas_load

  !> One HDF5 file.
  subroutine canvas_save(this, path, ierr, message)
    class(ptk_canvas), intent(in) :: this
    character(len=*), intent(in) :: path
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    call reported(ptk_canvas_save(this%pointer, c_text(path)), ierr, message)
  end subroutine canvas_save

  !> JSON: size, origin, patches left out, error curves, arrays.
  function canvas_describe(this, ierr, message) result(text)
    class(ptk_canvas), intent(in) :: this
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_canvas_describe(this%pointer, room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function canvas_describe

  !> "amplitude", "phase", "coverage", "probe" or "errors", as PNG.
  subroutine canvas_write_picture(this, picture, path, ierr, message)
    class(ptk_canvas), intent(in) :: this
    character(len=*), intent(in) :: picture
    character(len=*), intent(in) :: path
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    call reported(ptk_canvas_write_picture(this%pointer, c_text(picture), c_text(path)), ierr, message)
  end subroutine canvas_write_picture

  !> JSON: scores against a known object (W, H).
  function canvas_evaluate(this, reference, config, ierr, message) result(text)
    class(ptk_canvas), intent(in) :: this
    type(ptk_view), intent(in) :: reference
    class(ptk_config), intent(in), optional :: config
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_evaluate(this%pointer, reference, address(config), room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function canvas_evaluate

  !> JSON: scores against the object of a file.
  function canvas_evaluate_file(this, path, config, ierr, message) result(text)
    class(ptk_canvas), intent(in) :: this
    character(len=*), intent(in) :: path
    class(ptk_config), intent(in), optional :: config
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    character(len=:), allocatable :: text
    type(text_room) :: room
    do while (room%asks())
      room%status = ptk_evaluate_file(this%pointer, c_text(path), address(config), room%bytes, room%size, room%needed)
    end do
    text = room%text(ierr, message)
  end function canvas_evaluate_file

  !> Relative Fourier error against the frames; 0 is perfect.
  function canvas_fourier_error(this, dataset, listener, cancel, ierr, message) result(error)
    class(ptk_canvas), intent(in) :: this
    class(ptk_dataset), intent(in) :: dataset
    class(ptk_listener), intent(inout), optional, target :: listener
    class(ptk_cancel), intent(in), optional :: cancel
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    real(c_double) :: error
    type(listener_box), target :: box
    integer(c_int32_t) :: status
    call watch(box, listener)
    status = ptk_fourier_error(error, this%pointer, dataset%pointer, address(cancel), box%callback, c_loc(box))
    call reported(status, ierr, message)
  end function canvas_fourier_error

  ! ---- arrays by name ----

  !> Extents of an array, in Fortran's order (the reverse of C's).
  function source_shape(this, name, ierr, message) result(extents)
    class(ptk_source), intent(in) :: this
    character(len=*), intent(in) :: name
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    integer(c_int64_t), allocatable :: extents(:)
    integer(c_int64_t) :: reversed(PTK_MAX_NDIM)
    integer(c_int32_t) :: ndim, status
    ndim = 0
    status = PTK_ERR_INVALID_ARGUMENT
    select type (this)
    class is (ptk_dataset)
      status = ptk_dataset_shape(this%pointer, c_text(name), reversed, PTK_MAX_NDIM, ndim)
    class is (ptk_model)
      status = ptk_model_shape(this%pointer, c_text(name), reversed, PTK_MAX_NDIM, ndim)
    class is (ptk_canvas)
      status = ptk_canvas_shape(this%pointer, c_text(name), reversed, PTK_MAX_NDIM, ndim)
    end select
    if (status /= PTK_OK) ndim = 0
    extents = reversed(ndim:1:-1)
    call reported(status, ierr, message)
  end function source_shape

  !> Copy an array out, converted to the type of the view.
  subroutine source_read(this, name, array, ierr, message)
    class(ptk_source), intent(in) :: this
    character(len=*), intent(in) :: name
    type(ptk_view), intent(in) :: array
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    type(ptk_view) :: filled
    integer(c_int32_t) :: status
    filled = array
    status = PTK_ERR_INVALID_ARGUMENT
    select type (this)
    class is (ptk_dataset)
      status = ptk_dataset_read(this%pointer, c_text(name), filled)
    class is (ptk_model)
      status = ptk_model_read(this%pointer, c_text(name), filled)
    class is (ptk_canvas)
      status = ptk_canvas_read(this%pointer, c_text(name), filled)
    end select
    call reported(status, ierr, message)
  end subroutine source_read

  !> An array by its name, allocated here, converted to its type.
  subroutine get_c64_2(this, name, array, ierr, message)
    class(ptk_source), intent(in) :: this
    character(len=*), intent(in) :: name
    complex(c_float_complex), allocatable, target, intent(out) :: array(:, :)
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    integer(c_int64_t) :: extents(2)
    if (.not. extents_of(this, name, extents, ierr, message)) return
    allocate (array(extents(1), extents(2)))
    call this%read(name, ptk_array(array), ierr, message)
  end subroutine get_c64_2

  subroutine get_c64_3(this, name, array, ierr, message)
    class(ptk_source), intent(in) :: this
    character(len=*), intent(in) :: name
    complex(c_float_complex), allocatable, target, intent(out) :: array(:, :, :)
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    integer(c_int64_t) :: extents(3)
    if (.not. extents_of(this, name, extents, ierr, message)) return
    allocate (array(extents(1), extents(2), extents(3)))
    call this%read(name, ptk_array(array), ierr, message)
  end subroutine get_c64_3

  subroutine get_f32_2(this, name, array, ierr, message)
    class(ptk_source), intent(in) :: this
    character(len=*), intent(in) :: name
    real(c_float), allocatable, target, intent(out) :: array(:, :)
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    integer(c_int64_t) :: extents(2)
    if (.not. extents_of(this, name, extents, ierr, message)) return
    allocate (array(extents(1), extents(2)))
    call this%read(name, ptk_array(array), ierr, message)
  end subroutine get_f32_2

  subroutine get_f32_3(this, name, array, ierr, message)
    class(ptk_source), intent(in) :: this
    character(len=*), intent(in) :: name
    real(c_float), allocatable, target, intent(out) :: array(:, :, :)
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    integer(c_int64_t) :: extents(3)
    if (.not. extents_of(this, name, extents, ierr, message)) return
    allocate (array(extents(1), extents(2), extents(3)))
    call this%read(name, ptk_array(array), ierr, message)
  end subroutine get_f32_3

  subroutine get_f64_1(this, name, array, ierr, message)
    class(ptk_source), intent(in) :: this
    character(len=*), intent(in) :: name
    real(c_double), allocatable, target, intent(out) :: array(:)
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    integer(c_int64_t) :: extents(1)
    if (.not. extents_of(this, name, extents, ierr, message)) return
    allocate (array(extents(1)))
    call this%read(name, ptk_array(array), ierr, message)
  end subroutine get_f64_1

  subroutine get_f64_2(this, name, array, ierr, message)
    class(ptk_source), intent(in) :: this
    character(len=*), intent(in) :: name
    real(c_double), allocatable, target, intent(out) :: array(:, :)
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    integer(c_int64_t) :: extents(2)
    if (.not. extents_of(this, name, extents, ierr, message)) return
    allocate (array(extents(1), extents(2)))
    call this%read(name, ptk_array(array), ierr, message)
  end subroutine get_f64_2

  ! Extents of an array that must have as many axes as `extents` has numbers; an array of another rank is left to read() to
  ! refuse.
  function extents_of(this, name, extents, ierr, message) result(found)
    class(ptk_source), intent(in) :: this
    character(len=*), intent(in) :: name
    integer(c_int64_t), intent(out) :: extents(:)
    integer, intent(out), optional :: ierr
    character(len=*), intent(inout), optional :: message
    logical :: found
    integer(c_int64_t), allocatable :: all_extents(:)
    integer :: status, n
    allocate (all_extents(0))
    all_extents = this%shape_of(name, status, message)
    found = status == PTK_OK
    call reported(int(status, c_int32_t), ierr, message)
    n = min(size(extents), size(all_extents))
    extents = 1
    extents(1:n) = all_extents(1:n)
  end function extents_of

end module ptychokit
