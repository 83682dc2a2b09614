#include "base/progress.h"

#include "base/error.h"

namespace ptk {

void Monitor::check() const
{
    if (cancel_ && cancel_->requested())
        fail(Status::Cancelled, "cancelled");
}

void Monitor::report(const Progress& progress) const
{
    if (report_ && !report_(progress))
        fail(Status::Cancelled, "cancelled by the progress callback in phase '{}'", progress.phase);
    check();
}

} // namespace ptk
