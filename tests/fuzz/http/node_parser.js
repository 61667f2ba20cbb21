// Node's own HTTP/1 parser (llhttp and what Node makes of it) as a child process:
//   node_parser.js requests|responses
// A question on stdin: two 32-bit little-endian numbers, how many bytes follow and in pieces of how many they are given
// to the parser, then the bytes.
// The answer on stdout: its size, then 1 or 0 (0: something was refused), the number of whole messages, and of each
// method (or status), target, fields ("name: value\n" each) and body, every one after its size.
'use strict';
const fs = require('fs');
const { HTTPParser, allMethods } = process.binding('http_parser');

const responses = process.argv[2] === 'responses';
const parser = new HTTPParser();
let whole, open, upgrade;

function addFields(list) {
  for (let i = 0; i + 1 < list.length; i += 2) open.fields += `${list[i]}: ${list[i + 1]}\n`;
}

parser[HTTPParser.kOnMessageBegin | 0] = () => {
  open = { method: '', target: '', fields: '', body: [], headDone: false };
};
parser[HTTPParser.kOnHeaders | 0] = (list, url) => {  // more fields than it gives at once, or the trailer
  if (open.headDone) return;
  addFields(list);
  open.target += url;
};
parser[HTTPParser.kOnHeadersComplete | 0] = (major, minor, list, method, url, status, reason, upgrades) => {
  if (list) addFields(list);
  if (url) open.target += url;
  open.method = responses ? String(status) : allMethods[method];
  open.headDone = true;
  upgrade ||= upgrades;
  return 0;
};
parser[HTTPParser.kOnBody | 0] = (piece) => { open.body.push(Buffer.from(piece)); };
parser[HTTPParser.kOnMessageComplete | 0] = () => { whole.push(open); };

function readAll(size) {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size;) {
    const got = fs.readSync(0, bytes, at, size - at, null);
    if (got === 0) process.exit(0);
    at += got;
  }
  return bytes;
}

function writeAll(bytes) {
  for (let at = 0; at < bytes.length;) at += fs.writeSync(1, bytes, at);
}

function number(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

// True: all of it was taken.
function parse(bytes, piece) {
  parser.initialize(responses ? HTTPParser.RESPONSE : HTTPParser.REQUEST, {}, 64 * 1024);
  for (let at = 0; at < bytes.length; at += piece) {
    const part = bytes.subarray(at, at + piece);
    if (parser.execute(part) !== part.length || upgrade) return false;
  }
  return true;
}

for (;;) {
  const head = readAll(8);
  const bytes = readAll(head.readUInt32LE(0));
  whole = [];
  upgrade = false;
  const taken = parse(bytes, head.readUInt32LE(4));
  const parts = [Buffer.from([taken ? 1 : 0]), number(whole.length)];
  for (const message of whole) {
    for (const text of [message.method, message.target, message.fields, Buffer.concat(message.body)]) {
      const part = Buffer.from(text, 'latin1');
      parts.push(number(part.length), part);
    }
  }
  const answer = Buffer.concat(parts);
  writeAll(Buffer.concat([number(answer.length), answer]));
}
