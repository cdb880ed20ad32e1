// What malloc keeps of what a large question has freed. glibc gives back the end of each arena by
// itself; one small allocation that stays there keeps all that lies before it.
#pragma once

#include <cstddef>

namespace volta {

// Gives freed memory back to the system where this process holds more than `most_kept` bytes of it.
// Costs some milliseconds per GB, and what others allocate waits for it. Any thread.
void give_back_freed_memory(std::size_t most_kept);

}  // namespace volta
