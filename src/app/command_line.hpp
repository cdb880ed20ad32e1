// The command line: which command, its flags, help with examples, and the nearest word for a typo.
#pragma once

namespace volta {

// Parses, runs the command and returns the exit code. Never throws.
int run_command_line(int argc, char** argv);

}  // namespace volta
