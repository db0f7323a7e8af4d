export { schedule } from './schedule.js';
