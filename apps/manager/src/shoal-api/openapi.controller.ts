import { Controller, Get, Inject } from '@nestjs/common';
import { MANAGER_INFO, type ManagerInfo } from '../http/tokens.js';
import { openApiDocument } from './openapi.js';

@Controller('shoal/v1/openapi.json')
export class OpenApiController {
  constructor(@Inject(MANAGER_INFO) private readonly manager: ManagerInfo) {}

  @Get()
  document(): Record<string, unknown> {
    return openApiDocument(this.manager.version);
  }
}
