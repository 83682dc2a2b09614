! From a scan to a picture of its object in Fortran: open, train a network on the frames without labels, cancel a training, save
! and load the model, reconstruct, refine, evaluate, read the object, train a generator of its own, meet an error.
!
!   sources=$(pkg-config --variable=fortrandir ptychokit)
!   gfortran $sources/ptychokit_c.f90 $sources/ptychokit.f90 reconstruct.f90 $(pkg-config --libs ptychokit) -o reconstruct
!   ./reconstruct siemens64.npz siemens64_reference.npz result [option=value ...]
module watching
  use ptychokit
  implicit none
  !> Counts the calls, keeps the loss, and cancels after some calls.
  type, extends(ptk_listener) :: watcher
    integer :: calls = 0, stop_after = -1
    real(c_double) :: loss = 0
  contains
    procedure :: on_progress => watch
  end type watcher
contains
  function watch(this, progress) result(go_on)
    class(watcher), intent(inout) :: this
    type(ptk_progress), intent(in) :: progress
    logical :: go_on
    this%calls = this%calls + 1
    if (ptk_phase(progress) == "train") this%loss = progress%loss
    go_on = this%calls /= this%stop_after
  end function watch
end module watching

!> A generator with one number to learn: the real image is that number times the amplitudes, the imaginary one is 0.
module gaining
  use ptychokit
  implicit none
  type, extends(ptk_network) :: gain
  contains
    procedure :: setup, initialise, forward, vjp
  end type gain
contains
  subroutine setup(this)
    class(gain), intent(inout) :: this
    call this%add_parameter("gain", [1])
  end subroutine setup

  subroutine initialise(this, index, seed, values)
    class(gain), intent(inout) :: this
    integer, intent(in) :: index
    integer(c_int64_t), intent(in) :: seed
    real(c_float), intent(out) :: values(:)
    values = 0.5
  end subroutine initialise

  subroutine forward(this, weights, amplitudes, images)
    class(gain), intent(inout) :: this
    type(ptk_weights), intent(in) :: weights(:)
    real(c_float), intent(in) :: amplitudes(:, :, :, :)
    real(c_float), intent(out) :: images(:, :, :, :, :)
    images(:, :, :, 1, :) = weights(1)%values(1)*amplitudes
    images(:, :, :, 2, :) = 0
  end subroutine forward

  subroutine vjp(this, weights, amplitudes, grad_images, gradients)
    class(gain), intent(inout) :: this
    type(ptk_weights), intent(in) :: weights(:)
    real(c_float), intent(in) :: amplitudes(:, :, :, :)
    real(c_float), intent(in) :: grad_images(:, :, :, :, :)
    type(ptk_weights), intent(inout) :: gradients(:)
    gradients(1)%values(1) = real(sum(real(grad_images(:, :, :, 1, :)*amplitudes, c_double)), c_float)
  end subroutine vjp
end module gaining

program reconstruct
  use ptychokit
  use watching
  use gaining, only: gain
  implicit none
  if (command_argument_count() < 3) then
    print '(a)', "usage: reconstruct SCAN REFERENCE FOLDER [OPTION=VALUE ...]"
    error stop 2
  end if
  call run(argument(1), argument(2), argument(3))

contains

  subroutine run(scan, reference, folder)
    character(len=*), intent(in) :: scan, reference, folder
    type(ptk_config) :: config
    type(ptk_context) :: context
    type(ptk_dataset) :: dataset, missing
    type(ptk_model) :: model, second, loaded, own
    type(ptk_trainer) :: trainer
    type(ptk_reconstructor) :: reconstructor
    type(ptk_canvas) :: object, refined
    type(ptk_config) :: own_config
    type(watcher) :: all_calls, three, own_calls
    complex(c_float_complex), allocatable :: values(:, :)
    character(len=:), allocatable :: option
    character(len=400) :: message
    integer :: ierr, i, equals

    call execute_command_line("mkdir -p '"//folder//"'")
    do i = 4, command_argument_count()
      equals = index(argument(i), "=")
      if (equals == 0) error stop "expected option=value"
      option = argument(i)
      call config%set_text(option(:equals - 1), option(equals + 1:))
    end do
    call context%create("cpu", config)
    call dataset%open(context, scan, config)
    print '(a,i0)', "frames = ", dataset%size()

    call model%create(context, dataset%side(), config)
    print '(a,i0)', "parameters = ", model%parameter_count()
    call trainer%create(model, config)
    call trainer%fit(dataset, all_calls)
    print '(a,i0)', "progress calls = ", all_calls%calls
    print '(a,g0.9)', "training loss = ", all_calls%loss

    call second%create(context, dataset%side(), config)
    call trainer%create(second, config)
    three%stop_after = 3
    call trainer%fit(dataset, three, ierr=ierr)
    print '(3a,i0,a)', "second training = ", ptk_status_text(ierr), " after ", three%calls, " calls"

    call model%save(folder//"/model.ptk")
    call loaded%load(context, folder//"/model.ptk")
    call reconstructor%create(context, loaded, config)
    call reconstructor%reconstruct(object, dataset)
    print '(a,g0.9)', "Fourier error of the network = ", object%fourier_error(dataset)
    call reconstructor%refine(refined, dataset, object)
    print '(a,g0.9)', "Fourier error after refinement = ", refined%fourier_error(dataset)
    call refined%save(folder//"/refined.h5")
    call refined%write_picture("phase", folder//"/refined_phase.png")
    print '(a,g0.9)', "complex nRMSE = ", number(refined%evaluate_file(reference), '"complex_nrmse":')

    call refined%get("object", values)
    print '(a,i0,a,i0)', "object = ", size(values, 2), " rows of ", size(values, 1)
    print '(a,g0.9)', "object power = ", sum(real(values, c_double)**2 + real(aimag(values), c_double)**2)

    call context%register("gain", gain(summary="amplitudes times one number"))
    call own_config%from_json('{"seed": 5, "generator.name": "gain", "training.epochs": 1, "probe.warm_epochs": 1}')
    call own%create(context, dataset%side(), own_config)
    call trainer%create(own, own_config)
    call trainer%fit(dataset, own_calls)
    print '(a,g0.9)', "loss of an own generator = ", own_calls%loss

    call missing%open(context, "missing.npz", ierr=ierr, message=message)
    print '(2a)', "a missing file = ", ptk_status_text(ierr)
    if (index(message, "missing.npz") == 0) error stop "the message does not name the file"
  end subroutine run

  function argument(i) result(text)
    integer, intent(in) :: i
    character(len=:), allocatable :: text
    integer :: length
    call get_command_argument(i, length=length)
    allocate (character(len=length) :: text)
    call get_command_argument(i, text)
  end function argument

  ! The number after a key of a JSON text.
  function number(json, key) result(value)
    character(len=*), intent(in) :: json, key
    real(c_double) :: value
    integer :: first
    first = index(json, key)
    if (first == 0) error stop "no such key"
    first = first + len(key)
    read (json(first:first + scan(json(first:), ",}") - 2), *) value
  end function number
end program reconstruct
