// Whom this machine trusts to sign certificates.
#pragma once

#include <string>

namespace volta {

// The bundle of certificates: $SSL_CERT_FILE, else where Debian, Red Hat, Alpine and SUSE keep it;
// "" if there is none (a static binary brings none of its own).
std::string find_ca_file();

}  // namespace volta
