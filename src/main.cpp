// Reads the role from the command line and calls it; nothing else.
#include "app/command_line.hpp"

int main(int argc, char** argv) { return volta::run_command_line(argc, argv); }
