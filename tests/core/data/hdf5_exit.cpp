// Tests of files that others wrote use HDF5 before the library does, which asks for this in time otherwise: a file that
// a full disk kept from closing would be flushed again, and crash, when the process ends.
#include <hdf5.h>

namespace {

[[maybe_unused]] const herr_t no_exit_handler = H5dont_atexit();

} // namespace
