#include "base/threads.h"

#include <ATen/Parallel.h>

namespace ptk::base {

void set_thread_count(int count)
{
    if (count > 0)
        at::set_num_threads(count);
}

int thread_count()
{
    return at::get_num_threads();
}

} // namespace ptk::base
