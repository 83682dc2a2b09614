#include "views.h"

#include <hdf5.h>
#include <torch/headeronly/version.h>

#define PTK_TEXT_OF(x) #x
#define PTK_TEXT(x) PTK_TEXT_OF(x)

void ptk_version(int32_t* major_out, int32_t* minor_out, int32_t* patch_out)
{
    if (major_out != nullptr)
        *major_out = PTK_VERSION_MAJOR;
    if (minor_out != nullptr)
        *minor_out = PTK_VERSION_MINOR;
    if (patch_out != nullptr)
        *patch_out = PTK_VERSION_PATCH;
}

const char* ptk_build_info(void)
{
    return R"({"version":")" PTK_TEXT(PTK_VERSION_MAJOR) "." PTK_TEXT(PTK_VERSION_MINOR) "." PTK_TEXT(PTK_VERSION_PATCH) R"(","libtorch":")" PTK_TEXT(TORCH_VERSION_MAJOR) "." PTK_TEXT(
        TORCH_VERSION_MINOR) "." PTK_TEXT(TORCH_VERSION_PATCH) R"(","hdf5":")" PTK_TEXT(H5_VERS_MAJOR) "." PTK_TEXT(H5_VERS_MINOR) "." PTK_TEXT(H5_VERS_RELEASE) R"(","compiler":")" __VERSION__
                                                                                                                                                                 R"("})";
}

const char* ptk_status_name(enum ptk_status_code code)
{
    switch (code) {
    case PTK_OK:
        return "PTK_OK";
    case PTK_ERR_INTERNAL:
        return "PTK_ERR_INTERNAL";
    case PTK_ERR_INVALID_ARGUMENT:
        return "PTK_ERR_INVALID_ARGUMENT";
    case PTK_ERR_INVALID_CONFIG:
        return "PTK_ERR_INVALID_CONFIG";
    case PTK_ERR_SHAPE:
        return "PTK_ERR_SHAPE";
    case PTK_ERR_NOT_FOUND:
        return "PTK_ERR_NOT_FOUND";
    case PTK_ERR_EXISTS:
        return "PTK_ERR_EXISTS";
    case PTK_ERR_BUFFER_TOO_SMALL:
        return "PTK_ERR_BUFFER_TOO_SMALL";
    case PTK_ERR_OUT_OF_MEMORY:
        return "PTK_ERR_OUT_OF_MEMORY";
    case PTK_ERR_IO:
        return "PTK_ERR_IO";
    case PTK_ERR_FORMAT:
        return "PTK_ERR_FORMAT";
    case PTK_ERR_DEVICE:
        return "PTK_ERR_DEVICE";
    case PTK_ERR_UNSUPPORTED:
        return "PTK_ERR_UNSUPPORTED";
    case PTK_ERR_STATE:
        return "PTK_ERR_STATE";
    case PTK_ERR_NOT_CONVERGED:
        return "PTK_ERR_NOT_CONVERGED";
    case PTK_ERR_CANCELLED:
        return "PTK_ERR_CANCELLED";
    case PTK_ERR_CALLBACK:
        return "PTK_ERR_CALLBACK";
    }
    return "unknown status";
}

size_t ptk_dtype_size(enum ptk_dtype_code code)
{
    return ptk::capi::element_size(code);
}

// The C ABI hands the core's statuses and levels on as numbers.
namespace {

using ptk::LogLevel;
using ptk::Status;
constexpr bool equal(Status status, ptk_status_code code)
{
    return static_cast<int>(status) == static_cast<int>(code);
}
static_assert(equal(Status::Ok, PTK_OK) && equal(Status::Internal, PTK_ERR_INTERNAL) &&
              equal(Status::InvalidArgument, PTK_ERR_INVALID_ARGUMENT) &&
              equal(Status::InvalidConfig, PTK_ERR_INVALID_CONFIG) && equal(Status::Shape, PTK_ERR_SHAPE) &&
              equal(Status::NotFound, PTK_ERR_NOT_FOUND) && equal(Status::Exists, PTK_ERR_EXISTS) &&
              equal(Status::BufferTooSmall, PTK_ERR_BUFFER_TOO_SMALL) &&
              equal(Status::OutOfMemory, PTK_ERR_OUT_OF_MEMORY) && equal(Status::Io, PTK_ERR_IO) &&
              equal(Status::Format, PTK_ERR_FORMAT) && equal(Status::Device, PTK_ERR_DEVICE) &&
              equal(Status::Unsupported, PTK_ERR_UNSUPPORTED) && equal(Status::State, PTK_ERR_STATE) &&
              equal(Status::NotConverged, PTK_ERR_NOT_CONVERGED) && equal(Status::Cancelled, PTK_ERR_CANCELLED) &&
              equal(Status::Callback, PTK_ERR_CALLBACK));
static_assert(static_cast<int>(LogLevel::Error) == PTK_LOG_ERROR && static_cast<int>(LogLevel::Warn) == PTK_LOG_WARN &&
              static_cast<int>(LogLevel::Info) == PTK_LOG_INFO && static_cast<int>(LogLevel::Debug) == PTK_LOG_DEBUG);

} // namespace
