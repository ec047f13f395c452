/** Puppeteer, for this directory and for test/browser: only this directory has it installed. */
export { launch } from 'puppeteer-core'
