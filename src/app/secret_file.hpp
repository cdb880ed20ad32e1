// Secrets in files of mode 0600: the access key and the key for TLS that volta makes, the host
// token that an operator brings.
#pragma once

#include <filesystem>
#include <string>

#include "base/tls.hpp"
#include "model/link.hpp"

namespace volta {

// The text of DIR/access-key, made at the first start: 43 characters of base64url, 256 random bits.
// The file gets the directory's owner. One that is there is never replaced. Throws SystemFailure,
// or StartFailure with what to do: others may read it, not a key.
std::string load_or_make_access_key(const std::filesystem::path& dir);

// The key by which agents know this server, and the page's where there is no other, with a
// certificate of its own: DIR/tls-key.pem, made and kept as the access key. Who loses it has to
// tell all agents a new pin.
TlsKeyPair load_or_make_tls_key(const std::filesystem::path& dir);
// What agents are told of it.
std::string tls_pin_of(const std::filesystem::path& dir);

// A key in a file of the user's own, mode 0600, white space around it cut: to be sent as Bearer.
// Throws StartFailure with what to do.
std::string read_key_file(const std::filesystem::path& path);

// The token in the file: 64 hex digits, white space around them allowed. Throws StartFailure with
// what to do: no such file, others may read it, not a token.
HostToken read_token_file(const std::filesystem::path& path);

}  // namespace volta
