! What calls cost from Fortran, see table.py. Argument: calls of a round.
program overhead
  use ptychokit
  implicit none
  integer, parameter :: rounds = 5
  call work()
contains

  subroutine work()
    type(ptk_context) :: context
    type(ptk_dataset) :: dataset
    type(ptk_canvas) :: canvas
    real(c_float), allocatable, target :: frames(:, :, :), frame(:, :, :)
    real(c_double), allocatable, target :: positions(:, :), place(:, :)
    complex(c_float_complex), allocatable, target :: patch(:, :, :)
    integer(c_int64_t) :: from, to, rate, size
    real(c_double) :: best(4)
    character(len=20) :: argument
    integer :: calls, round, i
    call get_command_argument(1, argument)
    read (argument, *) calls
    allocate (frames(64, 64, 500), frame(64, 64, 1), positions(2, 500), place(2, 1), patch(16, 16, 1))
    frames = 1
    call place_all(positions)
    place = 64
    patch = 1
    call context%create("cpu")
    call dataset%from_arrays(context, ptk_array(frames), ptk_array(positions))
    call canvas%create(context, 128_c_int64_t, 128_c_int64_t, 0_c_int64_t, 0_c_int64_t)
    best = huge(best)
    do round = 1, rounds
      call system_clock(from, rate)
      do i = 1, calls
        size = dataset%size()
      end do
      call system_clock(to)
      best(1) = min(best(1), real(to - from, c_double))
      call system_clock(from)
      do i = 1, calls
        call dataset%read("positions", ptk_array(positions))
      end do
      call system_clock(to)
      best(2) = min(best(2), real(to - from, c_double))
      call system_clock(from)
      do i = 1, calls
        call dataset%read_patterns(1_c_int64_t, ptk_array(frame))
      end do
      call system_clock(to)
      best(3) = min(best(3), real(to - from, c_double))
      call system_clock(from)
      do i = 1, calls
        call canvas%add(ptk_array(patch), ptk_array(place))
      end do
      call system_clock(to)
      best(4) = min(best(4), real(to - from, c_double))
    end do
    if (size /= 500) error stop "a dataset of 500 frames has another number"
    best = best/real(rate, c_double)/calls*1e6
    print '(a,f14.6)', "time size", best(1)
    print '(a,f14.6)', "time positions", best(2)
    print '(a,f14.6)', "time frame", best(3)
    print '(a,f14.6)', "time add", best(4)
    call work_on_many(context, canvas)
  end subroutine work

  subroutine work_on_many(context, canvas)
    type(ptk_context), intent(in) :: context
    type(ptk_canvas), intent(in) :: canvas
    type(ptk_dataset) :: dataset
    real(c_float), allocatable, target :: frames(:, :, :)
    real(c_double), allocatable, target :: positions(:, :), places(:, :)
    complex(c_float_complex), allocatable, target :: patches(:, :, :)
    integer :: before
    allocate (frames(64, 64, 4096), positions(2, 4096), places(2, 32768), patches(16, 16, 32768))
    frames = 1
    call place_all(positions)
    places = 64
    patches = 1
    call dataset%from_arrays(context, ptk_array(frames), ptk_array(positions))
    call dataset%read("patterns", ptk_array(frames))
    before = fresh_peak()
    call dataset%read("patterns", ptk_array(frames))
    print '(a,i0)', "grown frames ", peak() - before
    call canvas%add(ptk_array(patches), ptk_array(places))
    before = fresh_peak()
    call canvas%add(ptk_array(patches), ptk_array(places))
    print '(a,i0)', "grown patches ", peak() - before
  end subroutine work_on_many

  ! Positions that are not all the same.
  subroutine place_all(positions)
    real(c_double), intent(out) :: positions(:, :)
    integer :: i
    do i = 1, size(positions, 2)
      positions(:, i) = [mod(2*i, 7), mod(2*i + 1, 7)]
    end do
  end subroutine place_all

  ! Most kilobytes that this process held since the last reset.
  function peak() result(kilobytes)
    integer :: kilobytes, unit, status
    character(len=200) :: line
    kilobytes = 0
    open (newunit=unit, file="/proc/self/status", action="read")
    do
      read (unit, '(a)', iostat=status) line
      if (status /= 0) exit
      if (line(1:6) == "VmHWM:") read (line(7:index(line, "kB") - 1), *) kilobytes
    end do
    close (unit)
  end function peak

  function fresh_peak() result(kilobytes)
    integer :: kilobytes, unit
    open (newunit=unit, file="/proc/self/clear_refs", action="write", access="stream")
    write (unit) "5"
    close (unit)
    kilobytes = peak()
  end function fresh_peak
end program overhead
