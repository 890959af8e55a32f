import { Text, classifier, find } from "./sallyport";
export { sp_abi_1, sp_describe, sp_configure, sp_alloc, sp_classify } from "./sallyport";

const word = String.UTF8.encode("bluebird");

classifier('{"name":"{{name}}","version":"0.1.0","kinds":["CODE_WORD"],"scores":[]}', scan);

// Called for each text of a request.
function scan(t: Text): void {
  for (let i = 0; i < t.length; i++) {
    if (t.at(i, word)) find(t, i, i + word.byteLength, 0, 0.9);
  }
}
