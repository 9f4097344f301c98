# The authority of a partition: signs what the files of a folder ask for, and looks again every few seconds.
# Everything is made under another name and renamed, so that nobody reads half a key.
set -u
umask 077
mkdir -p "$ca_dir" "$private" "$requests"

authority() {
  [ -s "$private/cakey.pem" ] && [ -s "$ca_dir/cacert.pem" ] && return 0
  "$openssl" req -new -x509 -utf8 -sha256 -nodes -newkey rsa:2048 -days 10950 \
    -subj "$subject/CN=Certificate Authority $("$openssl" rand -hex 16)" \
    -keyout "$private/cakey.pem.new" -out "$ca_dir/cacert.pem.new" &&
  mv "$private/cakey.pem.new" "$private/cakey.pem" &&
  chmod 644 "$ca_dir/cacert.pem.new" &&
  mv "$ca_dir/cacert.pem.new" "$ca_dir/cacert.pem"
}

field() {
  sed -n "s/^$1 *= *//p" "$2" | head -n 1
}

# $1: name; what clients compare with the host that they speak to.
alternative() {
  case $1 in
    *[!A-Za-z0-9.:*-]*|'') ;;
    *:*) echo "subjectAltName=IP:$1" ;;
    *[!0-9.]*) echo "subjectAltName=DNS:$1" ;;
    *) echo "subjectAltName=IP:$1" ;;
  esac
}

sign() {
  name=$(field name "$1") key=$(field key_file "$1") certificate=$(field certificate_file "$1")
  [ -n "$name" ] && [ -n "$key" ] && [ -n "$certificate" ] || return 1
  [ -s "$key" ] && [ -s "$certificate" ] && return 0
  mkdir -p "${key%/*}" "${certificate%/*}"
  escaped=$(printf %s "$name" | sed 's,[\\/+],\\&,g')
  { echo basicConstraints=CA:FALSE; alternative "$name"; } > "$certificate.ext"
  "$openssl" req -new -utf8 -sha256 -nodes -newkey rsa:2048 -subj "$subject/CN=$escaped" \
    -keyout "$key.new" -out "$certificate.csr" &&
  "$openssl" x509 -req -sha256 -days 3650 -in "$certificate.csr" -extfile "$certificate.ext" \
    -CA "$ca_dir/cacert.pem" -CAkey "$private/cakey.pem" -set_serial "0x0$("$openssl" rand -hex 15)" \
    -out "$certificate.new" &&
  mv "$key.new" "$key" && chmod 644 "$certificate.new" && mv "$certificate.new" "$certificate" &&
  rm -f "$certificate.csr" "$certificate.ext" && echo "signed a certificate for $name"
}

while :; do
  if authority; then
    for request in "$requests"/*; do
      [ -f "$request" ] || continue
      sign "$request" || echo "the request $request could not be signed" >&2
    done
  else
    echo "the authority's own certificate could not be made" >&2
  fi
  [ "${1-}" = once ] && exit 0
  sleep 2
done
