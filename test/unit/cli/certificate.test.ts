import t from 'tap'
import { describeProblem } from '../../../lib/cli/certificate.ts'

void t.test('the problem of a certificate is stated with its dates and names', async (t) => {
  const certificate = {
    valid_from: 'Jan  1 00:00:00 2020 GMT',
    valid_to: 'Jan  1 00:00:00 2021 GMT',
    subjectaltname: 'DNS:other.example, DNS:*.other.example, IP Address:127.0.0.1'
  }
  const describe = (code: string): string => describeProblem(code, certificate, 'app.example')
  t.equal(describe('CERT_HAS_EXPIRED'), 'it expired on Jan  1 00:00:00 2021 GMT')
  t.equal(describe('CERT_NOT_YET_VALID'), 'it is not valid before Jan  1 00:00:00 2020 GMT')
  t.equal(describe('DEPTH_ZERO_SELF_SIGNED_CERT'), 'it is self-signed')
  t.equal(describe('SELF_SIGNED_CERT_IN_CHAIN'), 'the root certificate of its chain is not trusted')
  t.equal(describe('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
    'its issuer is not trusted, or the server does not send all certificates of the chain')
  t.equal(describe('ERR_TLS_CERT_ALTNAME_INVALID'),
    'it is for other.example, *.other.example, 127.0.0.1, not for app.example')
})

void t.test('a problem without a sentence of its own has the code of Node', async (t) => {
  t.equal(describeProblem('PATH_LENGTH_EXCEEDED', {}, 'app.example'), 'Node reports PATH_LENGTH_EXCEEDED')
})

void t.test('a certificate without alternative names is for its subject, one with many is cut', async (t) => {
  const code = 'ERR_TLS_CERT_ALTNAME_INVALID'
  const subject = { CN: 'old.example', C: '', ST: '', L: '', O: '', OU: '' }
  t.equal(describeProblem(code, { subject }, 'a'), 'it is for old.example, not for a')
  t.equal(describeProblem(code, {}, 'a'), 'it is for no name, not for a')
  const subjectaltname = Array.from({ length: 100 }, (_, index) => `DNS:${index}.example`).join(', ')
  t.equal(describeProblem(code, { subjectaltname }, 'a'),
    'it is for 0.example, 1.example, 2.example, 3.example, 4.example and 95 others, not for a')
})
