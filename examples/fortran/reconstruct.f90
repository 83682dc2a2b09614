! From a scan to a picture of its object in Fortran: open, train a network on the frames without labels, cancel a training, save
! and load the model, reconstruct, refine, evaluate, read the object, meet an error.
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

program reconstruct
  use ptychokit
  use watching
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
    type(ptk_model) :: model, second, loaded
    type(ptk_trainer) :: trainer
    type(ptk_reconstructor) :: reconstructor
    type(ptk_canvas) :: object, refined
    type(watcher) :: all_calls, three
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
