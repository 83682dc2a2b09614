! Every function of the interface through the Fortran layer, on a small synthetic scan.
module listeners
  use ptychokit
  implicit none
  type, extends(ptk_listener) :: counter
    integer :: calls = 0, stop_after = -1
    logical :: fail = .false., trained = .false.
    type(ptk_progress) :: last
  contains
    procedure :: on_progress => count_call
  end type counter
  type, extends(ptk_log_listener) :: collector
    integer :: messages = 0
    character(len=:), allocatable :: text
  contains
    procedure :: on_message => collect
  end type collector
contains
  function count_call(this, progress) result(go_on)
    class(counter), intent(inout) :: this
    type(ptk_progress), intent(in) :: progress
    logical :: go_on
    this%calls = this%calls + 1
    this%trained = this%trained .or. ptk_phase(progress) == "train"
    this%last = progress
    if (this%fail) call ptk_set_error_message("from the callback"//c_null_char)
    go_on = this%calls /= this%stop_after .and. .not. this%fail
  end function count_call
  subroutine collect(this, level, area, message)
    class(collector), intent(inout) :: this
    integer, intent(in) :: level
    character(len=*), intent(in) :: area, message
    this%messages = this%messages + 1
    this%text = area//": "//message
    if (level < PTK_LOG_ERROR .or. level > PTK_LOG_DEBUG) error stop "log level"
  end subroutine collect
end module listeners

module networks
  use ptychokit
  implicit none
  !> Images that are multiples of the amplitudes, and two numbers more. The weights have one axis and two, so that their order
  !! is seen.
  type, extends(ptk_network) :: linear
    real(c_float) :: first = 0.5
    integer, allocatable :: axes(:)  ! of one parameter more
    character(len=8) :: fault = ""
  contains
    procedure :: setup => linear_setup
    procedure :: initialise => linear_initialise
    procedure :: forward => linear_forward
    procedure :: vjp => linear_vjp
  end type linear
  !> Has no gradient.
  type, extends(ptk_network) :: still
  contains
    procedure :: setup => still_setup
    procedure :: initialise => still_initialise
    procedure :: forward => still_forward
  end type still
contains
  subroutine linear_setup(this)
    class(linear), intent(inout) :: this
    integer :: at
    at = index(this%options, '"first":')
    if (at > 0) read (this%options(at + 8:at + index(this%options(at:), "}") - 2), *) this%first
    if (this%side /= 16 .or. this%channels /= 4) call this%fail("no such frames", PTK_ERR_SHAPE)
    if (this%fault == "setup") call this%fail("it does not want to")
    call this%add_parameter("gain", [2])
    call this%add_parameter("offset", [1, 2])
    if (allocated(this%axes)) call this%add_parameter("more", this%axes)
  end subroutine linear_setup

  subroutine linear_initialise(this, index, seed, values)
    class(linear), intent(inout) :: this
    integer, intent(in) :: index
    integer(c_int64_t), intent(in) :: seed
    real(c_float), intent(out) :: values(:)
    if (this%fault == "first") call this%fail("no first values")
    values = 0
    if (index == 1) values(1) = this%first
    if (index == 2) values(1) = 1
    if (index == 3) values(1) = real(seed, c_float)
  end subroutine linear_initialise

  subroutine linear_forward(this, weights, amplitudes, images)
    class(linear), intent(inout) :: this
    type(ptk_weights), intent(in) :: weights(:)
    real(c_float), intent(in) :: amplitudes(:, :, :, :)
    real(c_float), intent(out) :: images(:, :, :, :, :)
    real(c_float), pointer :: offset(:, :)
    integer :: i
    if (this%fault == "forward") call this%fail("no images")
    offset(1:1, 1:2) => weights(2)%values
    do i = 1, 2
      images(:, :, :, i, :) = weights(1)%values(i)*amplitudes + offset(1, i)
    end do
  end subroutine linear_forward

  subroutine linear_vjp(this, weights, amplitudes, grad_images, gradients)
    class(linear), intent(inout) :: this
    type(ptk_weights), intent(in) :: weights(:)
    real(c_float), intent(in) :: amplitudes(:, :, :, :)
    real(c_float), intent(in) :: grad_images(:, :, :, :, :)
    type(ptk_weights), intent(inout) :: gradients(:)
    integer :: i
    if (this%fault == "vjp" .or. size(weights) /= 2) call this%fail("no gradient today")
    do i = 1, 2
      gradients(1)%values(i) = sum(grad_images(:, :, :, i, :)*amplitudes)
      gradients(2)%values(i) = sum(grad_images(:, :, :, i, :))
    end do
  end subroutine linear_vjp

  subroutine still_setup(this)
    class(still), intent(inout) :: this
    call this%add_parameter("gain", [1])
  end subroutine still_setup

  subroutine still_initialise(this, index, seed, values)
    class(still), intent(inout) :: this
    integer, intent(in) :: index
    integer(c_int64_t), intent(in) :: seed
    real(c_float), intent(out) :: values(:)
    if (index /= 1) call this%fail("one parameter")
    values = merge(1.0, 2.0, seed /= 0)
  end subroutine still_initialise

  subroutine still_forward(this, weights, amplitudes, images)
    class(still), intent(inout) :: this
    type(ptk_weights), intent(in) :: weights(:)
    real(c_float), intent(in) :: amplitudes(:, :, :, :)
    real(c_float), intent(out) :: images(:, :, :, :, :)
    if (size(weights) /= 1) call this%fail("one parameter")
    images(:, :, :, 1, :) = amplitudes
    images(:, :, :, 2, :) = 0
  end subroutine still_forward
end module networks

program test_ptychokit
  use, intrinsic :: ieee_arithmetic, only: ieee_value, ieee_quiet_nan
  use ptychokit
  use listeners
  use networks
  implicit none
  integer, parameter :: side = 16, rows = 6, count = rows*rows
  character(len=*), parameter :: quick = '{"generator.width": 4, "generator.depth": 1, "training": '// &
    '{"epochs": 2, "batch_size": 4, "validation_fraction": 0.1}, "scan.group_size": 4, "probe": '// &
    '{"modes": 1, "warm_epochs": 1}, "refinement.epochs": 3, "data.measurement": "counts", "reconstruction.batch_size": 4}'
  complex(c_float_complex), target :: object(40, 40), probe(side, side), patches(side, side, count)
  real(c_float), target :: patterns(side, side, count)
  real(c_double), target :: positions(2, count)
  integer :: failures = 0, checks = 0
  character(len=1024) :: folder, scan
  if (command_argument_count() /= 2) error stop "usage: test_ptychokit FOLDER SCAN"
  call get_command_argument(1, folder)
  call get_command_argument(2, scan)

  call test_library()
  call test_config()
  call test_work()
  call test_networks()
  call test_files()
  call test_simulation()
  call test_errors()
  call test_arrays_that_cannot_be()
  call test_ownership()
  call test_closed()
  call test_threads()
  call test_memory()
  print '(i0,a,i0,a)', checks, " checks, ", failures, " failures"
  if (failures > 0) error stop 1

contains

  subroutine check(condition, what)
    logical, intent(in) :: condition
    character(len=*), intent(in) :: what
    checks = checks + 1
    if (condition) return
    failures = failures + 1
    print '(2a)', "failed: ", what
  end subroutine check

  subroutine expect(ierr, expected, message, part)
    integer, intent(in) :: ierr
    integer(c_int32_t), intent(in) :: expected
    character(len=*), intent(in) :: message, part
    call check(ierr == expected, "status "//ptk_status_text(ierr)//", not "//ptk_status_text(int(expected))//": "//trim(message))
    call check(index(message, part) > 0, "'"//part//"' is not in: "//trim(message))
  end subroutine expect

  function at(name) result(path)
    character(len=*), intent(in) :: name
    character(len=:), allocatable :: path
    path = trim(folder)//"/"//name
  end function at

  subroutine test_library()
    type, bind(C) :: tensor_c  ! DLPack 1: DLManagedTensorVersioned
      integer(c_int32_t) :: major, minor
      type(c_ptr) :: manager, deleter
      integer(c_int64_t) :: flags
      type(c_ptr) :: data
      integer(c_int32_t) :: device_type, device_id, ndim
      integer(c_int8_t) :: code, bits
      integer(c_int16_t) :: lanes
      type(c_ptr) :: shape, strides
      integer(c_int64_t) :: byte_offset
    end type tensor_c
    type(tensor_c), target :: tensor
    type(ptk_view) :: view, borrowed
    real(c_float), target :: values(3, 2)
    integer(c_int64_t), target :: extents(2)

    extents = [2, 3]
    call check(index(ptk_build_text(), '"'//ptk_version_text()//'"') > 0, "version in "//ptk_build_text())
    call check(ptk_status_text(int(PTK_ERR_SHAPE)) == "PTK_ERR_SHAPE", "name of a status")
    call check(ptk_dtype_size(PTK_C128) == 16_c_size_t, "size of an element")

    call check(ptk_view_init(view, c_loc(values), PTK_F32, 2_c_int32_t, extents) == PTK_OK, "ptk_view_init")
    borrowed = ptk_array(values)
    call check(all(view%shape(1:2) == borrowed%shape(1:2)) .and. all(view%strides(1:2) == [3_c_int64_t, 1_c_int64_t]) .and. &
      all(view%strides(1:2) == borrowed%strides(1:2)) .and. c_associated(view%data, borrowed%data), "ptk_array is ptk_view_init")
    borrowed = ptk_array(values(:, 1:2:1))
    call check(borrowed%dtype == PTK_F32, "a whole section is contiguous")
    borrowed = ptk_array(values(1:2, :))
    call check(borrowed%dtype == 0, "a section with gaps is refused")

    tensor%major = 1
    tensor%minor = 0
    tensor%manager = c_null_ptr
    tensor%deleter = c_null_ptr
    tensor%flags = 0
    tensor%data = c_loc(values)
    tensor%device_type = 1
    tensor%device_id = 0
    tensor%ndim = 2
    tensor%code = 2
    tensor%bits = 32
    tensor%lanes = 1
    tensor%shape = c_loc(extents)
    tensor%strides = c_null_ptr
    tensor%byte_offset = 0
    call check(ptk_view_from_dlpack(borrowed, c_loc(tensor)) == PTK_OK, "ptk_view_from_dlpack")
    call check(borrowed%dtype == PTK_F32 .and. borrowed%shape(1) == 2 .and. borrowed%shape(2) == 3, "a DLPack tensor")
    call check(c_associated(borrowed%data, view%data), "a DLPack tensor is borrowed")
  end subroutine test_library

  subroutine test_config()
    type(ptk_context) :: context
    type(ptk_config) :: config, other, loaded
    character(len=:), allocatable :: json
    character(len=400) :: message
    integer :: ierr, unit
    call context%create("cpu")
    call config%set("training.epochs", 7)
    call config%set("seed", 2_c_int64_t**40)
    call config%set("training.learning_rate", 0.25_c_double)
    call config%set("training.validation_fraction", 0.125_c_float)
    call config%set("deterministic", .true.)
    call config%set("data.measurement", "counts")
    call config%set("data.x_bounds", [0.25_c_double, 0.75_c_double])
    call config%set_text("training.batch_size", "3")
    call config%check(context, "library")
    json = config%to_json(context, "library")
    call check(index(json, "1099511627776") > 0, "values beyond 2^31 pass unchanged: "//json)
    call check(index(json, '"epochs":7') + index(json, '"epochs": 7') > 0, "whole numbers")
    call check(index(json, "0.125") > 0 .and. index(json, "0.75") > 0 .and. index(json, "counts") > 0, "numbers, pairs, texts")
    call other%from_yaml("training:"//new_line("a")//"  epochs: 9")
    call config%merge(other)
    json = config%to_json(context, "library")
    call check(index(json, '"epochs":9') + index(json, '"epochs": 9') > 0, "merged values win")
    open (newunit=unit, file=at("options.json"))
    write (unit, '(a)') '{"training.epochs": 11}'
    close (unit)
    call loaded%load(at("options.json"))
    json = loaded%to_json(context, "library")
    call check(index(json, '"epochs":11') + index(json, '"epochs": 11') > 0, "a configuration file")
    call other%from_json('{"training": {"epoch": 3}}')
    call other%check(context, "library", ierr, message)
    call expect(ierr, PTK_ERR_INVALID_CONFIG, message, "training.epochs")
    call check(ptk_last_error() == PTK_ERR_INVALID_CONFIG, "ptk_last_error")
    call check(index(context%devices(), '"cpu"') > 0, "devices")
    call check(index(context%describe(), '"cpu"') > 0, "context")
    call check(index(context%generators(), '"physics_unet"') > 0, "generators")
    call check(index(context%describe_generator("cnn"), '"options"') > 0, "one generator")
    call check(index(context%schema("training"), '"training.epochs"') > 0, "schema")
    call context%load_plugin(scan(:index(scan, "data/") - 1)//"plugins/net.pt")
    call context%load_plugin(at("none.so"), ierr, message)
    call expect(ierr, PTK_ERR_IO, message, "none.so")
  end subroutine test_config

  ! A known object seen by a probe at 6 x 6 positions.
  subroutine make_experiment(context)
    type(ptk_context), intent(in) :: context
    real(c_double) :: x, y, phase, power
    integer :: r, c, n, left, top
    do r = 0, 39
      do c = 0, 39
        phase = 0.8d0*sin(0.35d0*r)*cos(0.27d0*c)
        object(c + 1, r + 1) = cmplx((1 - 0.2d0*phase)*exp(cmplx(0d0, phase, c_double)), kind=c_float_complex)
      end do
    end do
    power = 0
    do r = 1, side
      do c = 1, side
        y = r - 1 - side/2
        x = c - 1 - side/2
        probe(c, r) = cmplx(exp(-(x*x + y*y)/18)*exp(cmplx(0d0, 0.05d0*(x*x + y*y), c_double)), kind=c_float_complex)
        power = power + abs(probe(c, r))**2
      end do
    end do
    probe = probe*real(sqrt(1d4/power), c_float)
    do n = 1, count
      left = 1 + mod(n - 1, rows)*4
      top = 1 + (n - 1)/rows*4
      positions(:, n) = [left + side/2, top + side/2]
      patches(:, :, n) = object(left + 1:left + side, top + 1:top + side)
    end do
    call context%forward(ptk_array(patches), ptk_array(probe), ptk_array(patterns))
  end subroutine make_experiment

  subroutine test_work()
    type(ptk_context) :: context
    type(ptk_config) :: config
    type(ptk_dataset) :: dataset, half
    type(ptk_model) :: model, loaded, brought
    type(ptk_trainer) :: trainer
    type(ptk_reconstructor) :: worker
    type(ptk_canvas) :: canvas, refined, again, stitched, around
    type(ptk_cancel) :: cancel
    type(counter) :: all_calls, two, failing, none
    type(collector), target :: log
    complex(c_float_complex), allocatable, target :: read_object(:, :), read_probe(:, :, :)
    complex(c_float_complex), target :: predicted(side, side, 4, 2), other_probe(side, side)
    real(c_float), target :: groups(side, side, 4, 2), some(side, side, 3)
    real(c_double), target :: group_positions(2, 4, 2)
    real(c_float), allocatable :: coverage(:, :), all_patterns(:, :, :)
    real(c_double), allocatable :: errors(:), read_positions(:, :)
    integer(c_int16_t), target :: counts(side, side, count)
    character(len=400) :: message
    real(c_double) :: before, after
    integer :: ierr

    call config%from_json(quick)
    call context%create("cpu", config)
    call context%set_log(int(PTK_LOG_DEBUG), log)
    call make_experiment(context)
    call check(abs(sum(real(patterns(:, :, 1), c_double)) - 1d4) < 4d3, "counts of a frame")

    call dataset%from_arrays(context, ptk_array(patterns), ptk_array(positions), ptk_array(probe), ptk_array(object), config)
    call check(dataset%size() == count .and. dataset%side() == side, "36 frames of 16 x 16")
    call check(index(dataset%describe(), '"patterns"') > 0, "description of a dataset")
    call check(all(dataset%shape_of("positions") == [2_c_int64_t, int(count, c_int64_t)]), "reversed shape of the positions")
    call dataset%get("positions", read_positions)
    call check(all(abs(read_positions - positions) == 0), "positions come back")
    call dataset%get("patterns", all_patterns)
    call check(all(all_patterns(3, 5, :) == patterns(3, 5, :)), "frames come back in their order")
    call dataset%get("object", read_object)
    call check(all(read_object == object), "the object comes back with x first")
    call dataset%read_patterns(2_c_int64_t, ptk_array(some))
    call check(all(some == patterns(:, :, 2:4)), "frames from the second one on")
    call half%select(dataset, 0d0, 0.5d0, 0d0, 1d0)
    call check(half%size() == 18, "the left half")
    counts = int(patterns, c_int16_t)
    call half%from_arrays(context, ptk_array(counts, unsigned=.true.), ptk_array(positions), config=config)
    call check(index(half%describe(), '"counts"') > 0, "whole numbers without a probe")

    call model%create(context, int(side, c_int64_t), config)
    call check(model%side() == side .and. model%parameter_count() > 100, "a model")
    call trainer%create(model, config, at("run"))
    call trainer%fit(dataset, all_calls)
    call check(all_calls%trained .and. all_calls%calls > 3, "progress of the training")
    call check(all_calls%last%struct_size == c_sizeof(all_calls%last) .and. all_calls%last%seconds > 0, "fields of the progress")
    call check(log%messages > 0, "log messages")
    call context%set_log(int(PTK_LOG_DEBUG))
    call trainer%create(model, config)
    call trainer%resume(at("run/last.ptk"))
    two%stop_after = 2
    call trainer%create(model, config)
    call trainer%fit(dataset, two, ierr=ierr, message=message)
    call expect(ierr, PTK_ERR_CANCELLED, message, "ancel")
    call check(two%calls == 2, "cancelled at once")
    failing%fail = .true.
    call trainer%create(model, config)
    call trainer%fit(dataset, failing, ierr=ierr, message=message)
    call expect(ierr, PTK_ERR_CALLBACK, message, "from the callback")
    call cancel%create()
    call cancel%request()
    call trainer%create(model, config)
    call trainer%fit(dataset, none, cancel, ierr, message)
    call expect(ierr, PTK_ERR_CANCELLED, message, "ancel")
    call cancel%reset()
    call trainer%create(model, config)
    call trainer%fit(dataset, none, cancel)
    call check(none%trained, "a lowered flag does not stop")

    call check(index(model%describe(), '"physics_unet"') > 0, "description of a model")
    call check(index(model%history(), '"training_loss"') > 0, "history")
    call check(index(model%arrays(), '"probe"') > 0, "arrays of a model")
    call model%get("probe", read_probe)
    call check(all(shape(read_probe) == [side, side, 1]), "probe of a model")
    call model%save(at("model.ptk"))
    call loaded%load(context, at("model.ptk"))
    call check(index(context%initializers(), '"orthogonal"') > 0, "initializers")
    call check(index(context%registered("regularizers"), '"tv_phase"') > 0, "regularizers")
    call check(index(context%describe_registered("losses", "huber"), "training.huber_delta") > 0, "one loss")
    call model%export(at("weights.npz"))
    call brought%import(context, at("weights.npz"), int(side, c_int64_t))
    call check(brought%parameter_count() == model%parameter_count(), "weights come back")
    call loaded%write_picture("history", at("history.png"))
    other_probe = (2.0, 0.0)*probe
    call loaded%set_probe(ptk_array(other_probe))
    call loaded%get("probe", read_probe)
    call check(all(read_probe(:, :, 1) == other_probe), "another probe")

    call worker%create(context, model, config)
    groups = reshape(patterns(:, :, 1:8), shape(groups))
    group_positions = reshape(positions(:, 1:8), shape(group_positions))
    call worker%predict(ptk_array(groups), ptk_array(predicted), ptk_array(group_positions), ierr, message)
    call check(ierr == PTK_OK .and. maxval(abs(predicted)) > 0, "patches of groups: "//trim(message))
    call worker%reconstruct(canvas, dataset, none, cancel)
    call worker%refine(refined, dataset, canvas, none, cancel)
    before = canvas%fourier_error(dataset, none, cancel)
    after = refined%fourier_error(dataset)
    call check(after < before .and. after > 0, "refinement lowers the Fourier error")
    call check(index(refined%describe(), '"finished"') > 0, "description of a canvas")
    call check(index(refined%evaluate(ptk_array(object)), '"complex_nrmse"') > 0, "scores")
    call refined%get("coverage", coverage)
    call refined%get("object", read_object)
    call check(all(shape(coverage) == shape(read_object)) .and. maxval(coverage) > 0, "coverage")
    call refined%get("fourier_errors", errors)
    call check(errors(size(errors)) < errors(1), "curve of the errors")
    call refined%save(at("object.h5"))
    call refined%write_picture("amplitude", at("amplitude.png"))
    call again%load(context, at("object.h5"))
    call check(all(again%shape_of("object") == refined%shape_of("object")), "a canvas comes back")
    call check(index(again%evaluate_file(at("object.h5")), '"complex_nrmse"') > 0, "scores from a file")

    call stitched%create(context, 40_c_int64_t, 40_c_int64_t, 0_c_int64_t, 0_c_int64_t)
    call stitched%add(ptk_array(patches), ptk_array(positions))
    call stitched%get("object", read_object)
    call check(maxval(abs(read_object(3:36, 3:36) - object(3:36, 3:36))) < 1e-5, "patches of the object make the object, x first")
    call around%create_around(context, ptk_array(positions), int(side, c_int64_t))
    call check(all(around%shape_of("object") >= 36), "a canvas around positions")
  end subroutine test_work

  ! A generator of this program is trained, stored, loaded and copied.
  subroutine test_networks()
    character(len=*), parameter :: offers = '[{"name": "first", "type": "float", "default": 0.25, "meaning": "gain"}]'
    type(ptk_context) :: context, other
    type(ptk_dataset) :: dataset
    type(ptk_config) :: config
    type(ptk_model) :: model, loaded
    type(ptk_trainer) :: trainer
    type(ptk_reconstructor) :: worker
    type(ptk_canvas) :: canvas
    type(counter) :: calls
    type(linear) :: network
    real(c_double), allocatable :: gain(:)
    real(c_float), allocatable :: offset(:, :)
    complex(c_float_complex), allocatable :: found(:, :)
    character(len=400) :: message
    integer :: ierr
    call context%create("cpu")
    call make_experiment(context)
    call config%from_json(quick)
    call dataset%from_arrays(context, ptk_array(patterns), ptk_array(positions), ptk_array(probe), config=config)
    call config%from_json(own("linear"))
    network%summary = "gains"
    network%schema = offers
    call context%register("linear", network)
    call check(index(context%describe_generator("linear"), '"gains"') > 0, "summary of a generator")
    call config%set("generator.first", 0.75d0)
    call model%create(context, int(side, c_int64_t), config)
    call model%get("gain", gain)
    call model%get("offset", offset)
    call check(all(gain == [0.75d0, 0d0]) .and. all(shape(offset) == [1, 2]) .and. all(offset(1, :) == [1.0, 0.0]), "first weights")
    call trainer%create(model, config)
    call trainer%fit(dataset, calls)
    call check(calls%trained .and. losses_fall(model%history()), "a network of the program learns: "//model%history())
    call model%get("offset", offset)
    call check(offset(1, 2) /= 0, "weights are trained")
    call model%save(at("own.ptk"))
    call loaded%load(context, at("own.ptk"))
    call loaded%get("gain", gain)
    call check(gain(1) /= 0.75d0, "trained weights come back")
    call worker%create(context, loaded, config)
    call worker%reconstruct(canvas, dataset)
    call canvas%get("object", found)
    call check(maxval(abs(found)) > 0, "a network of the program reconstructs")
    call other%create("cpu")
    call loaded%load(other, at("own.ptk"), ierr, message)
    call expect(ierr, PTK_ERR_NOT_FOUND, message, "linear")
    call context%register("linear", network, ierr, message)
    call expect(ierr, PTK_ERR_EXISTS, message, "'linear'")
    call context%register("two words", network, ierr, message)
    call expect(ierr, PTK_ERR_INVALID_ARGUMENT, message, "two words")
    call context%close()
    call check(model%parameter_count() == 4, "a network outlives its context")

    call faulty("setup", PTK_ERR_CALLBACK, "it does not want to")
    call faulty("first", PTK_ERR_CALLBACK, "no first values")
    call faulty("forward", PTK_ERR_CALLBACK, "no images")
    call faulty("vjp", PTK_ERR_CALLBACK, "no gradient today")
    call faulty("still", PTK_ERR_CALLBACK, "has no vjp")
    call faulty("predicts", PTK_ERR_UNSUPPORTED, "no vjp")
    call faulty("axes", PTK_ERR_INVALID_ARGUMENT, "7 axes")
    call faulty("group", PTK_ERR_SHAPE, "no such frames")
    call faulty("output", PTK_ERR_INVALID_ARGUMENT, "output 9")
  end subroutine test_networks

  ! A generator with a fault gives this error where it is registered, made or trained.
  subroutine faulty(fault, status, part)
    character(len=*), intent(in) :: fault, part
    integer(c_int32_t), intent(in) :: status
    type(ptk_context) :: context
    type(ptk_dataset) :: dataset
    type(ptk_config) :: config
    type(ptk_model) :: model
    type(ptk_trainer) :: trainer
    type(linear) :: network
    type(still) :: bare
    character(len=400) :: message
    integer :: ierr
    call context%create("cpu")
    call config%from_json(quick)
    call dataset%from_arrays(context, ptk_array(patterns), ptk_array(positions), ptk_array(probe), config=config)
    call config%from_json(own("faulty"))
    network%fault = fault
    network%trains = fault /= "predicts"
    if (fault == "axes") network%axes = [1, 1, 1, 1, 1, 1, 1]
    if (fault == "output") network%output = 9
    if (fault == "still") then
      call context%register("faulty", bare, ierr, message)
    else
      call context%register("faulty", network, ierr, message)
    end if
    if (fault == "group") call config%set("scan.group_size", 2)
    if (ierr == PTK_OK) call model%create(context, int(side, c_int64_t), config, ierr, message)
    if (ierr == PTK_OK) call trainer%create(model, config, ierr=ierr, message=message)
    if (ierr == PTK_OK) call trainer%fit(dataset, ierr=ierr, message=message)
    call expect(ierr, status, message, part)
  end subroutine faulty

  function own(name) result(json)
    character(len=*), intent(in) :: name
    character(len=:), allocatable :: json
    json = '{"generator.name": "'//name//'", "training": {"epochs": 12, "batch_size": 4, "validation_fraction": 0, '// &
      '"learning_rate": 0.02}, "scan.group_size": 4, "probe": {"modes": 1, "warm_epochs": 0}, "data.measurement": "counts"}'
  end function own

  ! The last training loss of a history is lower than the first one.
  function losses_fall(history) result(answer)
    character(len=*), intent(in) :: history
    logical :: answer
    answer = loss_after(history, index(history, '"training_loss"')) > &
      loss_after(history, index(history, '"training_loss"', back=.true.))/0.98d0
  end function losses_fall

  function loss_after(history, first) result(loss)
    character(len=*), intent(in) :: history
    integer, intent(in) :: first
    real(c_double) :: loss
    integer :: start
    loss = 0
    if (first == 0) return
    start = first + index(history(first:), ":")
    read (history(start:start + verify(history(start:), " 0123456789.+-eE") - 2), *) loss
  end function loss_after


  subroutine test_files()
    type(ptk_context) :: context
    type(ptk_dataset) :: dataset
    call context%create("cpu")
    call check(index(context%describe_file(trim(scan)), "516") > 0, "description of a file")
    call dataset%open(context, trim(scan))
    call check(dataset%size() == 516 .and. dataset%side() == 64, "the example scan")
  end subroutine test_files

  subroutine test_simulation()
    type(ptk_context) :: context
    type(ptk_config) :: config
    type(ptk_cancel) :: cancel
    type(ptk_dataset) :: made, back
    type(counter) :: all_calls
    real(c_float), allocatable :: patterns(:, :, :), read_patterns(:, :, :), bad(:, :), read_bad(:, :)
    character(len=400) :: message
    integer :: ierr
    call context%create("cpu")
    call config%from_json('{"seed": 3, "simulation": {"frames": 12, "size": 32, "dead_pixels": 0.02}}')
    call made%simulate(context, config, all_calls)
    call check(made%size() == 12 .and. made%side() == 32, "a simulated scan")
    call check(all_calls%calls > 0 .and. ptk_phase(all_calls%last) == "simulate", "progress of the simulation")
    call made%get("patterns", patterns)
    call made%get("bad_pixels", bad)
    call check(nint(sum(bad)) == 20, "2 % of 1024 pixels, rounded, are dead")
    call made%save(at("simulated.npz"))
    call back%open(context, at("simulated.npz"))
    call back%get("patterns", read_patterns)
    call back%get("bad_pixels", read_bad)
    call check(all(read_patterns == patterns) .and. all(read_bad == bad), "a simulated scan comes back from NPZ")
    call made%save(at("simulated"), "ptychodus")
    call back%open(context, at("simulated"))
    call back%get("patterns", read_patterns)
    call check(all(read_patterns == patterns), "and from ptychodus' files")
    call made%save(at("simulated.tif"), ierr=ierr, message=message)
    call expect(ierr, PTK_ERR_INVALID_ARGUMENT, message, ".tif")
    call cancel%create()
    call cancel%request()
    call back%simulate(context, config, cancel=cancel, ierr=ierr, message=message)
    call expect(ierr, PTK_ERR_CANCELLED, message, "ancel")
    call check(.not. back%is_open(), "a cancelled simulation gives nothing")
  end subroutine test_simulation

  subroutine test_errors()
    type(ptk_context) :: context, closed
    type(ptk_dataset) :: dataset
    character(len=400) :: message
    real(c_float), target :: wrong(2, 2)
    real(c_float), allocatable :: flat(:, :)
    real(c_double), allocatable :: line(:)
    integer :: ierr
    call context%create("cpu")
    call dataset%open(context, "missing.npz", ierr=ierr, message=message)
    call expect(ierr, PTK_ERR_IO, message, "missing.npz")
    call check(.not. dataset%is_open(), "nothing is held after a failure")
    call dataset%open(closed, trim(scan), ierr=ierr, message=message)
    call expect(ierr, PTK_ERR_INVALID_ARGUMENT, message, "ctx")
    call make_experiment(context)
    call dataset%from_arrays(context, ptk_array(patterns), ptk_array(positions(:, 1:5)), ierr=ierr, message=message)
    call expect(ierr, PTK_ERR_SHAPE, message, "5")
    call dataset%from_arrays(context, ptk_array(patterns(1:8, :, :)), ptk_array(positions), ierr=ierr, message=message)
    call check(ierr /= PTK_OK, "an array with gaps is refused")
    call dataset%from_arrays(context, ptk_array(patterns), ptk_array(positions))
    call dataset%read("positions", ptk_array(wrong), ierr, message)
    call expect(ierr, PTK_ERR_SHAPE, message, "36")
    call dataset%get("patterns", flat, ierr, message)
    call expect(ierr, PTK_ERR_SHAPE, message, "36")
    call dataset%get("nothing", line, ierr, message)
    call expect(ierr, PTK_ERR_NOT_FOUND, message, "nothing")
  end subroutine test_errors

  ! Wrong rank, extent, kind and order, in and out.
  subroutine test_arrays_that_cannot_be()
    type(ptk_context) :: context
    type(ptk_dataset) :: dataset
    real(c_double), target :: read_positions(2, count), twice(4, count), line(2*count), triples(3, count)
    complex(c_float_complex), target :: pairs(2, count)
    real(c_float), target :: whole(side, side, 6, 6), real_probe(side, side)
    real(c_float), target :: holes(side, side, count)
    character(len=400) :: message
    integer :: ierr
    call context%create("cpu")
    call make_experiment(context)
    whole = reshape(patterns, shape(whole))
    call refused(ptk_array(whole), ptk_array(positions), "patterns")
    call refused(ptk_array(patterns(:, :, 1)), ptk_array(positions), "patterns")
    call refused(ptk_array(patches), ptk_array(positions), "patterns")
    triples = 0
    call refused(ptk_array(patterns), ptk_array(triples), "positions")
    call refused(ptk_array(patterns), ptk_array(positions(:, 1)), "positions")
    pairs = 0
    call refused(ptk_array(patterns), ptk_array(pairs), "positions")
    real_probe = abs(probe)
    call dataset%from_arrays(context, ptk_array(patterns), ptk_array(positions), ptk_array(real_probe), ierr=ierr, message=message)
    call expect(ierr, PTK_ERR_SHAPE, message, "probe")
    holes = patterns
    holes(3, 3, 3) = ieee_value(0.0_c_float, ieee_quiet_nan)
    call dataset%from_arrays(context, ptk_array(holes), ptk_array(positions), ierr=ierr, message=message)
    call expect(ierr, PTK_ERR_FORMAT, message, "patterns")

    call dataset%from_arrays(context, ptk_array(patterns), ptk_array(positions))
    call dataset%read("positions", ptk_array(line), ierr, message)
    call expect(ierr, PTK_ERR_SHAPE, message, "array_out")
    call dataset%read("positions", ptk_array(pairs), ierr, message)
    call expect(ierr, PTK_ERR_SHAPE, message, "C64")
    twice = 0
    call dataset%read("positions", ptk_array(twice(1:3:2, :)), ierr, message)
    call check(ierr /= PTK_OK .and. all(twice == 0), "an array with gaps is not written")
    call dataset%read("positions", ptk_array(read_positions), ierr, message)
    call check(ierr == PTK_OK .and. all(read_positions == positions), "an array that fits is")
  end subroutine test_arrays_that_cannot_be

  subroutine refused(some_patterns, some_positions, part)
    type(ptk_view), intent(in) :: some_patterns, some_positions
    character(len=*), intent(in) :: part
    type(ptk_context) :: context
    type(ptk_dataset) :: dataset
    character(len=400) :: message
    integer :: ierr
    call context%create("cpu")
    call dataset%from_arrays(context, some_patterns, some_positions, ierr=ierr, message=message)
    call expect(ierr, PTK_ERR_SHAPE, message, part)
    call check(.not. dataset%is_open(), "nothing is made of arrays that cannot be")
  end subroutine refused

  subroutine test_ownership()
    type(ptk_context) :: context
    type(ptk_config) :: first, second
    call context%create("cpu")
    call first%set("training.epochs", 5)
    second = first
    call first%close()
    call first%close()
    call check(second%is_open() .and. index(second%to_json(context, "library"), '5') > 0, "a shared object outlives one owner")
    second = second
    call check(second%is_open(), "an object assigned to itself stays")
  end subroutine test_ownership

  ! What is closed, or was never made, is an error in every type.
  subroutine test_closed()
    type(ptk_context) :: context
    type(ptk_dataset) :: dataset
    type(ptk_model) :: model
    type(ptk_trainer) :: trainer
    type(ptk_reconstructor) :: worker
    type(ptk_canvas) :: canvas
    type(ptk_cancel) :: cancel
    character(len=400) :: message
    character(len=:), allocatable :: text
    integer(c_int64_t), allocatable :: extents(:)
    integer :: ierr
    call context%create("cpu")
    call make_experiment(context)
    call dataset%from_arrays(context, ptk_array(patterns), ptk_array(positions))
    call context%close()
    call check(dataset%size() == count, "a dataset outlives its context")
    text = context%describe(ierr, message)
    call expect(ierr, PTK_ERR_INVALID_ARGUMENT, message, "ctx")
    call check(text == "", "a failure gives no text")
    call trainer%fit(dataset, ierr=ierr, message=message)
    call expect(ierr, PTK_ERR_INVALID_ARGUMENT, message, "trainer")
    call worker%refine(canvas, dataset, ierr=ierr, message=message)
    call expect(ierr, PTK_ERR_INVALID_ARGUMENT, message, "reconstructor")
    allocate (extents(1))
    extents = canvas%shape_of("object", ierr, message)
    call expect(ierr, PTK_ERR_INVALID_ARGUMENT, message, "canvas")
    call check(size(extents) == 0, "a failure gives no extents")
    call dataset%close()
    text = dataset%describe(ierr, message)
    call expect(ierr, PTK_ERR_INVALID_ARGUMENT, message, "dataset")
    call model%save(at("none.ptk"), ierr, message)
    call expect(ierr, PTK_ERR_INVALID_ARGUMENT, message, "model")
    call check(dataset%size() == 0 .and. model%side() == 0, "counts of nothing")
    call cancel%request()
    call cancel%reset()
    call check(.not. cancel%is_open(), "a flag that was never made")
  end subroutine test_closed

  ! Two threads read one dataset and work with one model, each with its own reconstructor and error message.
  subroutine test_threads()
    type(ptk_context) :: context
    type(ptk_config) :: config
    type(ptk_dataset) :: dataset
    type(ptk_model) :: model
    type(ptk_reconstructor) :: worker
    type(ptk_canvas) :: canvas
    complex(c_float_complex), allocatable :: expected(:, :)
    logical :: good(8)
    integer :: i
    call config%from_json(quick)
    call context%create("cpu", config)
    call make_experiment(context)
    call dataset%from_arrays(context, ptk_array(patterns), ptk_array(positions), ptk_array(probe), config=config)
    call model%create(context, int(side, c_int64_t), config)
    call model%set_probe(ptk_array(probe))
    call worker%create(context, model, config)
    call worker%reconstruct(canvas, dataset)
    call canvas%get("object", expected)
    good = .false.
    !$omp parallel do num_threads(2) schedule(dynamic)
    do i = 1, size(good)
      good(i) = thread_agrees(context, config, dataset, model, expected)
    end do
    !$omp end parallel do
    call check(all(good), "two threads work with one model")
  end subroutine test_threads

  function thread_agrees(context, config, dataset, model, expected) result(agrees)
    type(ptk_context), intent(in) :: context
    type(ptk_config), intent(in) :: config
    type(ptk_dataset), intent(in) :: dataset
    type(ptk_model), intent(in) :: model
    complex(c_float_complex), intent(in) :: expected(:, :)
    logical :: agrees
    type(ptk_reconstructor) :: worker
    type(ptk_canvas) :: canvas
    type(ptk_dataset) :: missing
    complex(c_float_complex), allocatable :: found(:, :)
    real(c_double), allocatable :: read_positions(:, :)
    character(len=400) :: message
    integer :: ierr
    call worker%create(context, model, config)
    call worker%reconstruct(canvas, dataset)
    call canvas%get("object", found)
    call dataset%get("positions", read_positions)
    call missing%open(context, "missing.npz", ierr=ierr, message=message)
    agrees = all(found == expected) .and. all(read_positions == positions) .and. ierr == PTK_ERR_IO .and. &
      index(message, "missing.npz") > 0
  end function thread_agrees

  subroutine test_memory()
    integer(c_int64_t) :: before
    integer :: i
    do i = 1, 200
      call cycle_of_objects()
    end do
    before = memory()
    do i = 1, 1000
      call cycle_of_objects()
    end do
    ! A thousand that were kept would be 500 MB.
    call check(memory() - before < 40*2_c_int64_t**20, "a thousand objects take no memory")
  end subroutine test_memory

  subroutine cycle_of_objects()
    type(ptk_context) :: context
    type(ptk_config) :: config, shared
    type(ptk_dataset) :: dataset, missing
    type(ptk_model) :: model
    type(ptk_trainer) :: trainer
    type(ptk_reconstructor) :: worker
    type(ptk_canvas) :: canvas
    type(ptk_cancel) :: cancel
    real(c_double), allocatable :: read_positions(:, :)
    character(len=400) :: message
    integer :: ierr
    call config%from_json(quick)
    shared = config
    call context%create("cpu", shared)
    call dataset%from_arrays(context, ptk_array(patterns), ptk_array(positions), config=config)
    call dataset%get("positions", read_positions)
    call model%create(context, int(side, c_int64_t), config)
    call trainer%create(model, config)
    call worker%create(context, model, config)
    call canvas%create(context, 40_c_int64_t, 40_c_int64_t, 0_c_int64_t, 0_c_int64_t)
    call cancel%create()
    call missing%open(context, "missing.npz", ierr=ierr, message=message)
    if (ierr /= PTK_ERR_IO) error stop "a file that is not there was read"
  end subroutine cycle_of_objects

  ! Bytes of this process in memory.
  function memory() result(bytes)
    integer(c_int64_t) :: bytes, whole
    integer :: unit
    open (newunit=unit, file="/proc/self/statm", action="read")
    read (unit, *) whole, bytes
    close (unit)
    bytes = bytes*4096
  end function memory
end program test_ptychokit
